import { pauseFor, pollUntil, type Until } from '../../lib/base/poll.mts'
import { answerTo, failed, passed, warning, type Answer } from '../../lib/checks/checks.mts'
import type { Drill, DrillTools } from '../../lib/checks/drills.mts'
import type { Hosts } from '../../lib/hosts/hosts.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import { notServing } from './drill/applications.mts'
import { awayText } from './drill/away.mts'
import { requirePlan, type Plan } from './drill/machines.mts'
import { withoutMachine, type Waits } from './drill/one-machine.mts'
import { becomeWhole } from './drill/whole.mts'
import type { k3s } from './module.mts'
import type { K3sSettings } from './settings.mts'

/** Milliseconds in which an application recovers from an earlier fault. */
const recovery = 60_000

/**
 * The drills of module 9, on the hosts of a cluster that it installed.
 * @param hosts connects to them
 * @param pause sleeps for milliseconds
 */
export const drillsOn = (
  hosts: () => Promise<Hosts>,
  until: Until,
  pause: Waits['pause'] = pauseFor,
): DrillsOf<typeof k3s> => [machineAway(hosts, { until, pause })]

const machineAway = (hosts: () => Promise<Hosts>, waits: Waits): Drill<K3sSettings> => ({
  id: 'k3s.machine-away',
  title:
    'Any one machine away: names, API, writes, metrics and ingress stay, applications serve again in time',
  fix: 'scripts/09_k3s/README.md, "The drill": what each may lose, and why it may lose more',
  require: async (tools) => void (await requirePlan(tools, await hosts())),
  async run(tools): Promise<Answer> {
    const all = await hosts()
    const plan = await requirePlan(tools, all)
    const before = await pollUntil(() => notServing(tools), {
      until: ({ length }) => length === 0,
      milliseconds: recovery,
      every: 2000,
      waiting: (names) => `${names.join(', ')}: the drill begins when they serve`,
    })
    if (before.length > 0) return failed(`not begun: ${before.join(', ')} with every machine there`)
    return oneAfterAnother(tools, plan, all, waits)
  },
})

/**
 * Stops the machines of a plan one after another, each when the one before is whole again. Ends at the first that does
 * not come back. A warning when some were left alone: then it is not proven that any one may be away.
 * @throws KitError exit 12, 130 or 143, see answerTo
 */
async function oneAfterAnother(
  tools: DrillTools<K3sSettings>,
  { machines, left, single }: Plan,
  hosts: Hosts,
  waits: Waits,
): Promise<Answer> {
  const seen: string[] = []
  const faults: string[] = []
  for (const [at, machine] of machines.entries()) {
    const { name } = machine.host
    try {
      const found = await withoutMachine(tools, machine, hosts, waits)
      seen.push(`${name}: ${awayText(found.away)}`)
      faults.push(...found.faults)
      await becomeWhole(tools, waits.until)
    } catch (thrown) {
      const { evidence, ...answer } = answerTo(thrown)
      const rest = machines.slice(at + 1).map(({ host }) => host.name)
      const stopped = rest.length === 0 ? '' : `; not stopped any more: ${rest.join(', ')}`
      return { ...answer, evidence: [...faults, `${name}: ${evidence}${stopped}`, ...seen].join('. ') }
    }
  }
  const text = [
    ...seen,
    ...single.map((one) => `${one} has one pod, and nothing to spare`),
    ...left.map((one) => `not stopped: ${one}`),
  ].join('. ')
  if (faults.length > 0) return failed(`${faults.join(', ')}. ${text}`)
  return left.length === 0 ? passed(text) : warning(text)
}
