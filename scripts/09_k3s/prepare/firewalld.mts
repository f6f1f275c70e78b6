import type { HostDocument } from '../host/document.mts'
import type { Rule } from '../host/openings.mts'
import type { Task } from './task.mts'

// firewalld: rich rules in the zone of the private interface, in the runtime and in the permanent configuration. Never
// --reload: it drops what others added to the runtime configuration only. A rich rule cannot be marked as the kit's, so
// none is ever removed. Rich rules do not allow forwarding to pods, and a policy that does needs a reload: therefore
// hosts of the cluster are in the zone trusted.

const kinds = ['runtime', 'permanent'] as const

/** The rich rules of one rule, as --list-rich-rules prints them. */
const richRules = ({ source, protocol, ports }: Rule): string[] =>
  ports.map(
    (port) =>
      `rule family="ipv4" source address="${source}" port port="${port}" protocol="${protocol}" accept`,
  )

/** The commands that add what is missing on a host where firewalld runs; empty where it does not. Pure. */
export function firewalldTasks(said: HostDocument, rules: readonly Rule[]): Task[] {
  const zone = said.one('zone')
  if (zone === undefined) return []
  const has = (key: string, kind: string, text: string) =>
    said.all(key).some(([one, ...words]) => one === kind && words.join(' ') === text)
  return kinds.flatMap((kind) => {
    const command = ['firewall-cmd', '--quiet', ...(kind === 'permanent' ? ['--permanent'] : [])]
    const told = (text: string) => `firewalld (${kind}): ${text}`
    const isTrusted = ({ protocol, member }: Rule) => protocol === undefined || member === true
    const ports = rules
      .filter((rule) => !isTrusted(rule))
      .flatMap(richRules)
      .filter((text) => !has('rich', kind, text))
      .map((text) => ({
        what: told(text),
        words: [...command, `--zone=${zone}`, `--add-rich-rule=${text}`],
      }))
    // The zone trusted accepts everything, also what is forwarded.
    const ranges = [...new Set(rules.filter(isTrusted).map(({ source }) => source))]
      .filter((source) => !has('trusted', kind, source))
      .map((source) => ({
        what: told(`zone trusted: ${source}`),
        words: [...command, '--zone=trusted', `--add-source=${source}`],
      }))
    return [...ports, ...ranges]
  })
}
