import { exitCodes, KitError, messageOf } from '../../../lib/base/errors.mts'
import { few } from '../../../lib/base/few.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { anyText, fields, listOf, optional } from '../../../lib/base/shape.mts'
import { isManaged } from '../../../lib/kube/apply/ownership.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import {
  answerOf,
  loadedRules,
  runningReceivers,
  runtimeInfo,
  scrapePools,
  type LoadedGroup,
} from './ask.mts'
import { monitoringNamespace, prometheusName, secrets } from './names.mts'

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

/** Names by whose object they are of: what somebody else made badly is a warning, and nothing to wait for. */
interface ByMaker {
  readonly own: readonly string[]
  readonly foreign: readonly string[]
}

const byMaker = (all: readonly LiveObject[], names: (some: readonly LiveObject[]) => string[]): ByMaker => ({
  own: names(all.filter(isManaged)),
  foreign: names(all.filter((one) => !isManaged(one))),
})

/** The file of a group of rules as wantedGroups names it, without the folder it has in the pod. */
export const fileOf = ({ file }: Pick<LoadedGroup, 'file'>): string => file.split('/').at(-1) ?? ''

/** Files of PrometheusRules whose groups Prometheus has not loaded as they are. Pure. */
export function unloadedRules(wanted: readonly LiveObject[], loaded: readonly LoadedGroup[]): ByMaker {
  const known = new Map(loaded.map((group) => [`${fileOf(group)} ${group.name}`, group.rules.length]))
  return byMaker(wanted, (some) => {
    const missing = wantedGroups(some).filter(
      ({ file, name, rules }) => known.get(`${file} ${name}`) !== rules,
    )
    return [...new Set(missing.map(({ file }) => file))]
  })
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

/** Units of Prometheus: seconds of a time, GiB of a size, where it takes `GB` for GiB too. */
const times: Readonly<Record<string, number>> = { y: 31_536_000, w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 }
const sizes: Readonly<Record<string, number>> = { M: 1 / 1024, G: 1, T: 1024, P: 1024 ** 2 }

/**
 * The history that a text means: Prometheus tells 14 days as `2w` and 1600 GiB as `1TiB576GiB`, however it was asked for
 * them. Pure.
 * @param text `15d or 8GiB`
 */
export function historyOf(text: string): { readonly seconds: number; readonly gib: number } {
  let [seconds, gib] = [0, 0]
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([A-Za-z]+)/g)) {
    seconds += Number(count) * (times[unit] ?? 0)
    gib += unit.endsWith('B') ? Number(count) * (sizes[unit.charAt(0)] ?? 0) : 0
  }
  return { seconds, gib }
}

/** The resource of Prometheus. @throws as KubeReader.get */
export const prometheusIn = (kube: KubeReader): Promise<LiveObject | undefined> =>
  kube.get('prometheuses.monitoring.coreos.com', prometheusName, monitoringNamespace)

/** The history that the resource of Prometheus asks for: `15d or 8GB`. Pure. */
export function retentionOf(live: LiveObject | undefined): string {
  const { retention = '', retentionSize = '' } = (live?.['spec'] ?? {}) as Partial<Record<string, string>>
  return `${retention} or ${retentionSize}`
}

/** Why Prometheus keeps another history than its resource says; empty when it keeps that one. Pure. */
function otherHistory(keeps: string, wanted: string): string {
  const [now, then] = [historyOf(keeps), historyOf(wanted)]
  return now.seconds === then.seconds && now.gib === then.gib
    ? ''
    : `Prometheus keeps ${keeps}, wanted is ${wanted}`
}

/** The receiver of everything, by the configuration in a Secret of the kit; undefined without one. Pure. */
export function receiverIn(secret: LiveObject | undefined): string | undefined {
  const data = (secret?.['data'] ?? {}) as Partial<Record<string, string>>
  const text = Buffer.from(data['alertmanager.yaml'] ?? '', 'base64').toString()
  return /^route:\n +receiver: (\S+)$/m.exec(text)?.[1]
}

/** How far Prometheus and Alertmanager are from what lies in the cluster, each in a few words. */
export interface Outdated {
  /** What they do not have yet of what the kit applied; empty when they run with it. */
  readonly missing: string
  /** What they do not have of somebody else. */
  readonly foreign: string
}

/**
 * What Prometheus and Alertmanager do not have of what lies in the cluster. What is wanted is read there: after a
 * rollback it is not what the settings say.
 * @throws KitError exit 3, 5 to 8, 12, 130 or 143, see KubeReader
 */
export const outdated = (kube: KubeReader): Promise<Outdated> => compare(kube).catch(notAnswering)

async function compare(kube: KubeReader): Promise<Outdated> {
  const [info, at, pools, monitors, rules, loaded, receivers, prometheus, configuration] = await Promise.all([
    runtimeInfo(kube),
    writtenAt(kube),
    scrapePools(kube),
    monitorsIn(kube),
    rulesIn(kube),
    loadedRules(kube),
    runningReceivers(kube),
    prometheusIn(kube),
    kube.get('secrets', secrets.alertmanager, monitoringNamespace),
  ])
  const receiver = receiverIn(configuration)
  const pending = byMaker(monitors, (some) => wantedPools(some).filter((pool) => !pools.includes(pool)))
  const unloaded = unloadedRules(rules, loaded)
  const notThere = (who: keyof ByMaker): string[] => [
    pending[who].length === 0 ? '' : `not scraped: ${few(pending[who], 3)}`,
    unloaded[who].length === 0 ? '' : `rules not loaded: ${few(unloaded[who], 3)}`,
  ]
  const missing = [
    info.reloadConfigSuccess ? '' : 'Prometheus refused its newest configuration',
    // Kubernetes writes whole seconds.
    Date.parse(info.lastConfigTime) + 1000 > at
      ? ''
      : 'Prometheus has read its configuration before the newest was written',
    otherHistory(info.storageRetention, retentionOf(prometheus)),
    ...notThere('own'),
    receiver !== undefined && receivers.includes(receiver)
      ? ''
      : `Alertmanager has not read ${receiver ?? 'a configuration: its Secret has none'}`,
  ]
  const words = (all: readonly string[]): string => all.filter(Boolean).join('; ')
  return { missing: words(missing), foreign: words(notThere('foreign')) }
}

/** While a Service has no ready pod, what it is asked for cannot be had: it comes by itself. */
function notAnswering(thrown: unknown): Outdated {
  if (thrown instanceof KitError && thrown.exitCode === exitCodes.rolloutFailed)
    return { missing: shortened(messageOf(thrown), 200), foreign: '' }
  throw thrown
}
