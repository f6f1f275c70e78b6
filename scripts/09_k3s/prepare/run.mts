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
 * Makes every host ready for K3s: modules, settings, resolver, firewall. Then looks whether it is so, and whether
 * those who did not get through before do now.
 * @throws KitError exit 9 for a host that is not as it was made
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

/** @returns whether anything was to do */
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

/** What a host still lacks, asked anew: the words of its works, empty when there are none. */
async function whatLacks({ host, facts }: FitHost): Promise<string> {
  const shown = 'ask whether the host is prepared'
  const { stdout } = await readScript(host, preparedScript, [host.address], { shown })
  const works = pending(tasksFor({ ...facts, said: parseDocument(host.name, stdout) }))
  return works.length === 0 ? '' : `${host.name}: ${works.map(({ what }) => what).join(', ')}`
}

/** The way between the hosts, as it was asked before anything was written. */
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
