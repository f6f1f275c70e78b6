import { exitCodes } from '../../../lib/base/errors.mts'
import { failed, passed, warning, type Answer } from '../../../lib/checks/checks.mts'
import { askByName } from '../../../lib/checks/http.mts'
import { gibibyte, numberOf } from '../../../lib/kube/quantity.mts'
import type { LiveObject, PodSpec } from '../../../lib/kube/types.mts'
import { numbersOf } from '../monitoring/ask.mts'
import { historyOf, prometheusIn, retentionOf } from '../monitoring/current.mts'
import { grafanaName, grafanaUser, historyClaim, monitoringNamespace, secrets } from '../monitoring/names.mts'
import { orUndefined } from './exits.mts'
import { whereOn } from './monitoring-settled.mts'

// Where the history of the monitoring lies, and whether one can look at it.

/** The pods that keep something, where, and in which container's view. */
const keepers = [
  ['prometheus-monitoring-prometheus-0', '/prometheus'],
  ['alertmanager-monitoring-alertmanager-0', '/alertmanager'],
] as const

/** Why what is written at a path in a pod would be lost with it; empty when it is in a claim. Pure. */
export function lostAt(pod: LiveObject | undefined, name: string, path: string): string {
  if (pod === undefined) return `${name} is not there`
  const { containers = [], volumes = [] } = (pod['spec'] ?? {}) as Partial<PodSpec>
  const mount = containers
    .flatMap(({ volumeMounts = [] }) => volumeMounts)
    .find((one) => one.mountPath === path)
  if (mount === undefined) return `${name} mounts nothing at ${path}`
  const volume = volumes.find((one) => one.name === mount.name)
  return volume?.persistentVolumeClaim === undefined
    ? `${path} of ${name} is in ${volume?.emptyDir === undefined ? 'no claim' : 'an emptyDir'}: it is lost with the pod`
    : ''
}

export const monitoringStorage = whereOn({
  id: 'k3s.monitoring-storage',
  title: 'The history is in volumes of its own, with room in them',
  fix: `kubectl -n ${monitoringNamespace} get pvc,pods; MONITORING_GIB is the size of the history: module 9 again keeps less of it when it is smaller; df -h /var/lib/rancher/k3s/storage on the node of the pod`,
  async ask({ kube }) {
    const pods = await Promise.all(keepers.map(([name]) => kube.get('pods', name, monitoringNamespace)))
    const lost = keepers.map(([name, path], at) => lostAt(pods[at], name, path)).filter(Boolean)
    if (lost.length > 0) return failed(lost.join('; '))
    const claims = await kube.list('persistentvolumeclaims', { namespace: monitoringNamespace })
    const unbound = claims.filter(
      ({ status }) => (status as { phase?: string } | undefined)?.phase !== 'Bound',
    )
    if (unbound.length > 0)
      return failed(`not bound: ${unbound.map(({ metadata }) => metadata.name).join(', ')}`)
    const claim = claims.find(({ metadata }) => metadata.name === historyClaim)
    const gib = claim === undefined ? undefined : gibOf(claim)
    const { gib: keeps } = historyOf(retentionOf(await prometheusIn(kube)))
    if (keeps === 0) return failed('Prometheus may fill its whole volume')
    if (gib !== undefined && keeps >= gib)
      return failed(`Prometheus may fill ${keeps} GiB of a volume of ${gib} GiB`)
    const [bytes = 0] = await numbersOf(kube, 'sum(prometheus_tsdb_storage_blocks_bytes)')
    const used = bytes / gibibyte
    const seen = `${claims.length} volumes; ${used.toFixed(1)} of ${keeps} GiB of history`
    // It deletes its oldest block only when it writes a new one.
    return used > keeps * 1.2 ? warning(`${seen}: more than it may keep`) : passed(seen)
  },
})

const service = `/api/v1/namespaces/${monitoringNamespace}/services/${grafanaName}:80/proxy`

export const monitoringGrafana = whereOn({
  id: 'k3s.monitoring-grafana',
  title: 'Grafana serves, and its account can sign in',
  // Its value is in no argument: it goes from one program to the other.
  fix: `Grafana keeps the password of its first start; this gives it the one of 09_k3s.env, from the Secret that module 9 made of it: kubectl -n ${monitoringNamespace} get secret ${secrets.grafana} -o 'jsonpath={.data.GRAFANA_PASSWORD}' | base64 -d | kubectl -n ${monitoringNamespace} exec -i deployment/${grafanaName} -c ${grafanaName} -- grafana cli admin reset-admin-password --password-from-stdin`,
  async ask({ kube, http, settings }) {
    const health = await orUndefined(kube.raw(`${service}/api/health`), exitCodes.rolloutFailed)
    if (health === undefined || !/"database": *"ok"/.test(health))
      return failed(`/api/health: ${health === undefined ? 'no answer' : 'its database is not ok'}`)
    const login = { user: grafanaUser, password: settings.GRAFANA_PASSWORD.reveal() }
    const signedIn = await orUndefined(kube.postTo(`${service}/login`, login), exitCodes.rolloutFailed)
    if (signedIn === undefined)
      return failed(`its account ${grafanaUser} cannot sign in with GRAFANA_PASSWORD`)
    if (settings.GRAFANA_HOST === undefined) return passed('database ok, signed in; no public name')
    const page = await askByName(http, settings.GRAFANA_HOST, '/login')
    return published(page.status, settings.GRAFANA_HOST)
  },
})

const published = (status: number, host: string): Answer =>
  status === 200
    ? passed(`database ok, signed in; https://${host}/login 200`)
    : failed(`https://${host}/login ${status}`)

/** GiB a claim asks for. */
const gibOf = (claim: LiveObject): number | undefined => {
  const { resources } = (claim['spec'] ?? {}) as { resources?: { requests?: { storage?: string } } }
  const bytes = numberOf(resources?.requests?.storage)
  return bytes === undefined ? undefined : bytes / gibibyte
}
