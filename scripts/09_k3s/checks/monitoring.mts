import { few } from '../../../lib/base/few.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import { failed, passed, warning } from '../../../lib/checks/checks.mts'
import { isManaged } from '../../../lib/kube/apply/ownership.mts'
import {
  activeTargets,
  alertmanagerAlerts,
  loadedRules,
  numbersOf,
  prometheusAlerts,
  type LoadedGroup,
  type Target,
} from '../monitoring/ask.mts'
import {
  fileOf,
  monitorsIn,
  rulesIn,
  unloadedRules,
  wantedGroups,
  wantedPools,
} from '../monitoring/current.mts'
import { monitoringNamespace } from '../monitoring/names.mts'
import { whereOn } from './monitoring-settled.mts'

// Whether the cluster is watched, where the kit has installed what watches it.

const logs = (what: string): string => `kubectl -n ${monitoringNamespace} logs ${what}`

export const monitoringReady = whereOn({
  id: 'k3s.monitoring',
  title: 'The operator has made Prometheus and Alertmanager of what was applied',
  fix: `kubectl -n ${monitoringNamespace} get prometheus,alertmanager -o yaml names the reason in its conditions; ${logs('deployment/monitoring-operator')}`,
  ask: (_tools, { unready }) =>
    Promise.resolve(unready === '' ? passed('Reconciled and Available, both') : failed(unready)),
})

/** Milliseconds in which Prometheus has scraped everything of a new configuration once: every 30 s. */
const oneScrape = 75_000

/** Scrape pools without anything that is up; and what is down in the others. Pure. */
export function downIn(pools: readonly string[], targets: readonly Target[]) {
  const of = (pool: string) => targets.filter(({ scrapePool }) => scrapePool === pool)
  const up = (pool: string) => of(pool).filter(({ health }) => health === 'up').length
  const reason = (pool: string) => of(pool).find(({ lastError }) => lastError)?.lastError ?? 'no target'
  const short = (pool: string) => pool.replace(/^serviceMonitor\/[^/]+\//, '')
  const dead = pools.filter((pool) => up(pool) === 0)
  const partly = pools.filter((pool) => up(pool) > 0 && up(pool) < of(pool).length)
  const line = (pool: string) => `${short(pool)}: ${up(pool)} of ${of(pool).length} up: ${reason(pool)}`
  return {
    dead: dead.map(line),
    partly: partly.map(line),
    up: targets.filter(({ health }) => health === 'up').length,
  }
}

export const monitoringTargets = whereOn({
  id: 'k3s.monitoring-targets',
  title: 'Everything that is to be watched gives its metrics',
  fix: 'ports 9100 and 10250 of every node, and 2381 of every master, must be open to the other nodes: module 9 again opens them; etcd shows its metrics with etcd-expose-metrics in config.yaml, which module 9 writes',
  async ask({ kube }) {
    const pools = wantedPools((await monitorsIn(kube)).filter(isManaged))
    if (pools.length === 0) return failed('there is no ServiceMonitor of the kit')
    const seen = await pollUntil(async () => downIn(pools, await activeTargets(kube)), {
      until: ({ dead, partly }) => dead.length + partly.length === 0,
      milliseconds: oneScrape,
      every: 5000,
      waiting: ({ dead, partly }) => `not up yet: ${few([...dead, ...partly], 3)}`,
    })
    if (seen.dead.length > 0) return failed(few([...seen.dead, ...seen.partly], 4))
    if (seen.partly.length > 0) return warning(few(seen.partly, 4))
    return passed(`${pools.length} pools, ${seen.up} targets up`)
  },
})

/** Milliseconds in which an alert that always fires reaches Alertmanager: two evaluations, and its group. */
const alertArrives = 90_000

export const monitoringWatchdog = whereOn({
  id: 'k3s.monitoring-watchdog',
  title: 'An alert that always fires arrives at Alertmanager',
  fix: `${logs('prometheus-monitoring-prometheus-0 -c prometheus')}: whether it reaches Alertmanager; without that no alert arrives`,
  async ask({ kube }) {
    const look = async () => {
      const [fired, arrived] = await Promise.all([prometheusAlerts(kube), alertmanagerAlerts(kube)])
      const one = arrived.find(({ labels }) => labels['alertname'] === 'Watchdog')
      return {
        fires: fired.some(({ labels, state }) => labels['alertname'] === 'Watchdog' && state === 'firing'),
        receivers: one === undefined ? [] : one.receivers.map(({ name }) => name),
      }
    }
    const { fires, receivers } = await pollUntil(look, {
      until: (seen) => seen.fires && seen.receivers.length > 0,
      milliseconds: alertArrives,
      every: 5000,
      waiting: (seen) => (seen.fires ? 'Watchdog has not arrived yet' : 'Watchdog does not fire yet'),
    })
    if (!fires) return failed('Watchdog does not fire in Prometheus')
    return receivers.length === 0
      ? failed('Watchdog fires in Prometheus and is not in Alertmanager')
      : passed(`fires, and is at ${receivers.join(', ')}`)
  },
})

/** Alerts about components K3s runs inside its one process: they would fire for ever. */
const notInK3s = ['KubeControllerManagerDown', 'KubeSchedulerDown', 'KubeProxyDown']

export const monitoringRules = whereOn({
  id: 'k3s.monitoring-rules',
  title: 'Every rule is loaded and can be evaluated, and none is about what K3s does not have',
  fix: `kubectl get events -A --field-selector reason=InvalidConfiguration names a rule the operator dropped; kubectl get prometheusrules -A`,
  async ask({ kube }) {
    const [objects, loaded, rejected] = await Promise.all([
      rulesIn(kube),
      loadedRules(kube),
      numbersOf(kube, 'sum(prometheus_operator_managed_resources{state="rejected"})'),
    ])
    const groups = wantedGroups(objects.filter(isManaged))
    const ours = new Set(groups.map(({ file }) => file))
    const unloaded = unloadedRules(objects, loaded)
    const problems = [
      ...unloaded.own.map((file) => `not loaded: ${file}`),
      ...loaded.filter((group) => ours.has(fileOf(group))).flatMap(faultsIn),
    ]
    if (problems.length > 0) return failed(few(problems, 4))
    if (groups.length === 0) return failed('there are no PrometheusRules of the kit')
    // What the kit made is loaded and scraped: what the operator rejects is somebody else's.
    const foreign = [
      ...unloaded.foreign.map((file) => `not loaded: ${file}`),
      ...loaded.filter((group) => !ours.has(fileOf(group))).flatMap(faultsIn),
      ...(rejected.some((count) => count > 0) ? [`the operator rejects ${rejected.join(', ')} objects`] : []),
    ]
    return foreign.length > 0
      ? warning(`not the kit’s: ${few(foreign, 4)}`)
      : passed(`${objects.length} objects, ${groups.length} groups of the kit`)
  },
})

/** What is wrong with the rules of a group that Prometheus has loaded, a few words each. */
const faultsIn = ({ rules }: LoadedGroup): string[] => [
  ...rules
    .filter(({ health }) => health === 'err')
    .map(({ name, lastError = '' }) => `${name}: ${lastError}`),
  ...rules.filter(({ name }) => notInK3s.includes(name)).map(({ name }) => `${name} can only fire`),
]

export const monitoringConfiguration = whereOn({
  id: 'k3s.monitoring-configuration',
  title: 'Prometheus and Alertmanager run with the configuration applied last',
  fix: `${logs('prometheus-monitoring-prometheus-0 -c config-reloader')}; the same of alertmanager-monitoring-alertmanager-0; then module 9 again`,
  ask(_tools, { missing, foreign }) {
    if (missing !== '') return Promise.resolve(failed(missing))
    const seen = 'scrape pools, rules, retention and receivers are those applied'
    return Promise.resolve(foreign === '' ? passed(seen) : warning(`${seen}; not the kit’s, ${foreign}`))
  },
})
