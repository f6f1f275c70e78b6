import type { HostDocument } from '../host/document.mts'
import type { Task } from './task.mts'
import type { Rule } from '../host/openings.mts'

// ufw: a rule of the kit has its comment. What an operator's own rule denies stays denied.

const comment = 'keybuzz'

/** The ufw rules of one rule, as `ufw show added` prints them, without the comment. */
function texts({ source, protocol, ports }: Rule): string[] {
  // Packets of pods are also forwarded: these rules allow it whatever the default policy for routed packets is.
  if (protocol === undefined)
    return [`allow from ${source}`, `route allow from ${source}`, `route allow to ${source}`]
  const list = ports.map((one) => one.replace('-', ':')).join(',')
  return [`allow from ${source} to any port ${list} proto ${protocol}`]
}

const removed = (rule: string): string[] =>
  rule.startsWith('route ')
    ? ['ufw', 'route', 'delete', ...rule.split(' ').slice(1)]
    : ['ufw', 'delete', ...rule.split(' ')]

/** Adds missing rules and deletes rules of the kit that are no longer needed; empty where ufw is not active. Pure. */
export function ufwTasks(said: HostDocument, rules: readonly Rule[]): Task[] {
  if (said.one('ufw') !== 'active') return []
  const there = said.all('ufwrule').map((words) => words.join(' '))
  const mark = ` comment '${comment}'`
  const ours = there.filter((one) => one.endsWith(mark)).map((one) => one.slice(0, -mark.length))
  // The same rule by the operator, with another comment or none, is sufficient.
  const plain = there.map((one) => one.replace(/ comment '.*'$/, ''))
  const wanted = rules.flatMap(texts)
  const missing = wanted.filter((one) => !plain.includes(one))
  const stale = ours.filter((one) => !wanted.includes(one))
  return [
    ...missing.map((one) => ({
      what: `ufw: ${one}`,
      words: ['ufw', ...one.split(' '), 'comment', comment],
    })),
    ...stale.map((one) => ({ what: `ufw: no longer ${one}`, words: removed(one) })),
  ]
}
