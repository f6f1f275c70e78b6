import { few } from '../../../lib/base/few.mts'
import { anyText, fields, listOf, optional } from '../../../lib/base/shape.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { K3sSettings } from '../settings.mts'
import { alertmanagerConfig, receiversOf } from './alertmanager.mts'
import { answerOf, loadedRules, runningReceivers, runtimeInfo, scrapePools } from './ask.mts'
import { monitoringNamespace, prometheusName } from './names.mts'
import { retentionGib } from './values.mts'

// Whether Prometheus and Alertmanager run with what was applied: the kubelet renews the files of a pod only every 60 to
// 90 s, so that an answer before that is about the configuration before.

/** A group of rules, by the file the operator makes of its PrometheusRule. */
interface Group {
  readonly file: string
  readonly name: string
  readonly rules: number
}

interface RuleSpec {
  readonly groups?: readonly { name: string; rules?: readonly object[] }[]
}

/** The groups that PrometheusRules declare. Pure. @param objects of kind PrometheusRule */
export const wantedGroups = (objects: readonly LiveObject[]): Group[] =>
  objects.flatMap(
    ({ metadata: { namespace = '', name, uid = '' }, spec }) =>
      ((spec ?? {}) as RuleSpec).groups?.map((group) => ({
        file: `${namespace}-${name}-${uid}.yaml`,
        name: group.name,
        rules: group.rules?.length ?? 0,
      })) ?? [],
  )

interface MonitorSpec {
  readonly endpoints?: readonly object[]
}

/** The scrape pools that ServiceMonitors declare: one for each of their endpoints. Pure. */
export const wantedPools = (objects: readonly LiveObject[]): string[] =>
  objects.flatMap(({ metadata: { namespace = '', name }, spec }) =>
    (((spec ?? {}) as MonitorSpec).endpoints ?? []).map(
      (_, index) => `serviceMonitor/${namespace}/${name}/${index}`,
    ),
  )

/** All PrometheusRules, whoever made them: Prometheus selects every one. @throws as KubeReader.list */
export const rulesIn = (kube: KubeReader): Promise<LiveObject[]> =>
  kube.list('prometheusrules.monitoring.coreos.com', {})

/** All ServiceMonitors. @throws as KubeReader.list */
export const monitorsIn = (kube: KubeReader): Promise<LiveObject[]> =>
  kube.list('servicemonitors.monitoring.coreos.com', {})

/** Files of PrometheusRules whose groups Prometheus has not loaded as they are. @throws as loadedRules */
export async function unloadedRules(kube: KubeReader): Promise<string[]> {
  const [wanted, loaded] = await Promise.all([rulesIn(kube), loadedRules(kube)])
  const known = new Map(
    loaded.map(({ file, name, rules }) => [`${file.split('/').at(-1) ?? ''} ${name}`, rules.length]),
  )
  const missing = wantedGroups(wanted).filter(
    ({ file, name, rules }) => known.get(`${file} ${name}`) !== rules,
  )
  return [...new Set(missing.map(({ file }) => file))]
}

const stampedShape = fields({
  metadata: fields({ managedFields: optional(listOf(fields({ time: optional(anyText) }))) }),
})

/** When the operator wrote Prometheus' configuration last, in milliseconds. @throws as KubeReader.raw */
async function writtenAt(kube: KubeReader): Promise<number> {
  const path = `/api/v1/namespaces/${monitoringNamespace}/secrets/prometheus-${prometheusName}`
  const { metadata } = answerOf('the API server', path, await kube.raw(path), stampedShape)
  return Math.max(0, ...(metadata.managedFields ?? []).map(({ time }) => Date.parse(time ?? '') || 0))
}

/**
 * What Prometheus and Alertmanager do not have yet of what was applied, in a few words; empty when they run with it.
 * @throws KitError exit 2 for RECEIVERS_YML; exit 3, 5 to 9, 130 or 143, see KubeReader
 */
export async function outdated(kube: KubeReader, settings: K3sSettings): Promise<string> {
  const [info, at, pools, monitors, rules, receivers] = await Promise.all([
    runtimeInfo(kube),
    writtenAt(kube),
    scrapePools(kube),
    monitorsIn(kube),
    unloadedRules(kube),
    runningReceivers(kube),
  ])
  const { receiver } = alertmanagerConfig(receiversOf(settings))
  const without = wantedPools(monitors).filter((pool) => !pools.includes(pool))
  const keeps = `${settings.MONITORING_DAYS}d or ${retentionGib(settings.MONITORING_GIB)}GiB`
  return [
    info.reloadConfigSuccess ? '' : 'Prometheus refused its newest configuration',
    // Kubernetes writes whole seconds.
    Date.parse(info.lastConfigTime) + 1000 > at
      ? ''
      : 'Prometheus has read its configuration before the newest was written',
    info.storageRetention === keeps ? '' : `Prometheus keeps ${info.storageRetention}, wanted is ${keeps}`,
    without.length === 0 ? '' : `not scraped: ${few(without, 3)}`,
    rules.length === 0 ? '' : `rules not loaded: ${few(rules, 3)}`,
    receivers.includes(receiver) ? '' : `Alertmanager has not read ${receiver}`,
  ]
    .filter(Boolean)
    .join('; ')
}
