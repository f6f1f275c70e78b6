import type { HostDocument } from '../host/document.mts'
import type { Task } from './task.mts'
import type { Rule } from '../host/openings.mts'

// ufw: rules are commands with our comment. What an operator denied by a rule of his stays denied.

const comment = 'keybuzz'

/** As `ufw show added` writes it, without the comment. */
function texts({ source, protocol, ports }: Rule): string[] {
  // Pods are also forwarded: by rules, whatever the policy for routed packets is.
  if (protocol === undefined)
    return [`allow from ${source}`, `route allow from ${source}`, `route allow to ${source}`]
  const list = ports.map((one) => one.replace('-', ':')).join(',')
  return [`allow from ${source} to any port ${list} proto ${protocol}`]
}

const removed = (rule: string): string[] =>
  rule.startsWith('route ')
    ? ['ufw', 'route', 'delete', ...rule.split(' ').slice(1)]
    : ['ufw', 'delete', ...rule.split(' ')]

/** What is to do on a host whose ufw is active: rules that lack, and rules of ours nobody needs any more. Pure. */
export function ufwTasks(said: HostDocument, rules: readonly Rule[]): Task[] {
  if (said.one('ufw') !== 'active') return []
  const there = said.all('ufwrule').map((words) => words.join(' '))
  const mark = ` comment '${comment}'`
  const ours = there.filter((one) => one.endsWith(mark)).map((one) => one.slice(0, -mark.length))
  // One of the operator's own that says the same is as good.
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
