import type { Host } from '../../../lib/hosts/host.mts'
import type { Hosts } from '../../../lib/hosts/hosts.mts'
import { log } from '../../../lib/base/log.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { Until } from '../../../lib/base/poll.mts'
import type { K3sSettings } from '../settings.mts'
import { parseDocument } from '../host/document.mts'
import { blockedText, findBlocked, peersOf } from '../reach/reach.mts'
import { waivedOf } from '../settings-waived.mts'
import { preparedScript } from './script.mts'
import type { Task } from './task.mts'
import { pending, tasksFor, type FitHost } from './tasks.mts'

/**
 * Prepares every host for K3s: kernel modules and settings, resolver, firewall. Then verifies that this took effect,
 * and that connections which were blocked before now succeed.
 * @throws KitError exit 9 when a file cannot be written or a command fails, a host is not prepared within 15 s, or a
 *   connection is still blocked after 20 s; exit 6 for incomplete output; exit 3, 6, 9, 130 or 143, see Host.read; what
 *   the gate throws (Writes.make); see also findBlocked
 */
export async function prepareHosts(
  fit: readonly FitHost[],
  hosts: Pick<Hosts, 'servers'>,
  until: Until,
): Promise<void> {
  const started = performance.now()
  const done = await Promise.all(fit.map(async (one) => ({ ...one, changed: await prepare(one) })))
  const changed = done.filter((one) => one.changed)
  if (changed.length === 0) {
    log.ok(`kernel, resolver and firewall of ${fit.length} hosts are as they should be, untouched`, started)
    return
  }
  await until({
    what: `the preparation of ${changed.length} of ${fit.length} hosts`,
    seconds: 15,
    missing: async () => (await Promise.all(changed.map(whatLacks))).filter(Boolean).join('; '),
    hint: 'look for what undoes it on the host, then run the same command again',
  })
  const waived = (settings: K3sSettings) => waivedOf(settings.WAIVED).has('host.reach')
  if (done.some(({ facts: { blocked, settings } }) => blocked.length > 0 && !waived(settings)))
    await until(allReach(fit, hosts))
}

/** Does all tasks of one host. @returns true when something was changed (under --plan: would be) */
async function prepare({ host, facts }: FitHost): Promise<boolean> {
  let changed = false
  for (const work of tasksFor(facts)) if (await make(host, work)) changed = true
  return changed
}

async function make(host: Host, { what, files = [], words }: Task): Promise<boolean> {
  let changed = false
  for (const { path, mode, content } of files) if (await host.put(path, mode, content)) changed = true
  if (words === undefined) return changed
  await host.change(what, words)
  return true
}

/** What a host still lacks, read again: the host and its pending tasks in words; empty when there are none. */
async function whatLacks({ host, facts }: FitHost): Promise<string> {
  const shown = 'ask whether the host is prepared'
  const { stdout } = await readScript(host, preparedScript, [host.address], { shown })
  const works = pending(tasksFor({ ...facts, said: parseDocument(host.name, stdout) }))
  return works.length === 0 ? '' : `${host.name}: ${works.map(({ what }) => what).join(', ')}`
}

/** Waits until every connection between the hosts succeeds; probes the same ports as preflight. */
const allReach = (fit: readonly FitHost[], hosts: Pick<Hosts, 'servers'>): Parameters<Until>[0] => ({
  what: 'the way between the hosts',
  seconds: 20,
  async missing() {
    const [first] = fit
    if (first === undefined) return ''
    const peers = peersOf(
      hosts,
      fit.map(({ host, facts: { role, said } }) => ({ host, role, said })),
    )
    const blocked = await findBlocked(peers, first.facts.settings)
    const names = [...new Set(blocked.map(({ to }) => to))]
    return names
      .map((name) => `${name}: ${blockedText({ name, blocked: blocked.filter(({ to }) => to === name) })}`)
      .join('; ')
  },
  hint: 'a rule of the host, or a firewall between the two, stops it still; K3s was not installed',
})
