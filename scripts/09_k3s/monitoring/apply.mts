import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { log } from '../../../lib/base/log.mts'
import type { Until } from '../../../lib/base/poll.mts'
import { written } from '../../../lib/base/written.mts'
import type { Writes } from '../../../lib/base/writes.mts'
import type { Kube } from '../../../lib/kube/apply/kube.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { nameOf, type Manifest } from '../../../lib/kube/types.mts'
import type { Versions } from '../../../lib/settings/versions.mts'
import { everyNodeServes } from '../ingress/daemonset-ready.mts'
import type { K3sSettings } from '../settings.mts'
import { renderMonitoring, requireChart, requireSameChart } from './chart.mts'
import {
  grafanaName,
  kubeletService,
  monitoringNamespace,
  operatorName,
  type MonitoringImages,
} from './names.mts'
import { etcdMembers, monitoringObjects } from './objects.mts'
import { configurationIsCurrent, everyNodeExporter, resourcesAreReady } from './ready.mts'
import { ownRules } from './rules.mts'
import { monitoringRests } from './texts.mts'

/** What the installation works with. */
export interface Monitoring {
  readonly settings: K3sSettings
  readonly images: MonitoringImages
  readonly versions: Versions
  readonly kube: Kube
  readonly writes: Pick<Writes, 'planning' | 'note'>
  readonly until: Until
}

/**
 * Installs the monitoring, and waits until it runs with what was applied. Where MONITORING is false nothing is applied:
 * what an earlier run has installed is then deleted with the step.
 * @throws KitError exit 2 for RECEIVERS_YML; exit 3, 5 or 7, see requireChart and renderMonitoring; exit 5
 *   or 9 for definitions that are not the kit's, an object of another owner, or what does not become ready; exit 3, 5
 *   to 9, 12, 130 or 143, see KubeReader; what the gate throws (Writes.make)
 */
export async function installMonitoring(monitoring: Monitoring): Promise<void> {
  const { settings, images, versions, kube, writes, until } = monitoring
  if (!settings.MONITORING) return sayRests(kube)
  requireSameChart(versions, images['kube-prometheus-stack'], settings.ENV)
  const chart = await requireChart(versions)
  const [nodes, kubernetes] = await Promise.all([kube.list('nodes', {}), kubernetesOf(kube)])
  const { definitions, objects } = await renderMonitoring(chart, { settings, images, kubernetes })
  const all = [...monitoringObjects(settings), ...objects, etcdMembers(nodes), ownRules()]
  const isKnown = await kube.ensureDefinitions(definitions)
  if (!isKnown) for (const one of all.filter(isDefined)) writes.note({ sign: '+', what: nameOf(one) })
  await kube.apply(isKnown ? all : all.filter((one) => !isDefined(one)))
  await kube.waitForRollout(monitoringNamespace, operatorName, 'kube-state-metrics', grafanaName)
  await until(everyNodeServes(kube, everyNodeExporter))
  await until(resourcesAreReady(kube))
  await until(configurationIsCurrent(kube))
}

/** True for an object of a kind that only the chart defines. */
const isDefined = ({ apiVersion = '' }: Manifest): boolean => apiVersion.startsWith('monitoring.coreos.com/')

/** The version of the API server without K3s' own part: `v1.36.3`. @throws as KubeReader.raw */
async function kubernetesOf(kube: KubeReader): Promise<string> {
  const answer = await kube.raw('/version')
  const version = /"gitVersion": *"(v\d+\.\d+\.\d+)/.exec(answer)?.[1]
  if (version !== undefined) return version
  throw new KitError('the API server does not tell its version', {
    exitCode: exitCodes.preflight,
    details: [written()],
    hint: 'kubectl get --raw /version; something else than an API server may answer there',
  })
}

/** Says what is left in the cluster of a monitoring that is off. */
async function sayRests(kube: KubeReader): Promise<void> {
  const left = await kube.get('services', kubeletService.name, kubeletService.namespace)
  if (left === undefined) return log.ok('monitoring is off (MONITORING=false)')
  log.warn(`monitoring is off; what was installed goes, and this stays: ${monitoringRests.join('; ')}`)
}
