import type { DrillTools } from '../../../lib/checks/drills.mts'
import type { HttpAnswer } from '../../../lib/checks/http-exchange.mts'
import type { Member } from '../../../lib/hosts/hosts.mts'
import { isPodServing, nodeOf } from '../../../lib/kube/pods.mts'
import { isSelected } from '../../../lib/kube/rollout/progress.mts'
import { shownName } from '../../../lib/kube/workloads.mts'
import type { Deployment, LiveObject, PodSpec } from '../../../lib/kube/types.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import { probeNamespace } from '../probes/probe.mts'
import type { K3sSettings } from '../settings.mts'
import { answerSeconds, type Question } from './away.mts'
import { lostSeconds } from './from-pods.mts'

// The kit's applications of this environment, while a machine is away that some of their pods are on.

type Tools = Pick<DrillTools<K3sSettings>, 'kube' | 'http' | 'settings'>

/** Seconds in which the only pod of an application is replaced on another machine. */
const replacedSeconds = 90

/** Where the ready pods of one application are, seen from a machine. */
type Place = 'elsewhere' | 'also there' | 'only there' | 'data there'

/** Most seconds an application may be away, by the place of its pods; undefined: it waits for the machine. */
const mostSeconds: Readonly<Record<Place, number | undefined>> = {
  elsewhere: lostSeconds,
  'also there': lostSeconds,
  'only there': replacedSeconds,
  'data there': undefined,
}

/** The label of everything this environment has from the kit. */
const ours = ({ ENV }: Pick<K3sSettings, 'ENV'>) => ({ 'keybuzz.io/env': ENV })

/** The Deployments and StatefulSets of the kit's applications. @throws KitError, see KubeReader.list */
export async function workloadsOf({
  kube,
  settings,
}: Pick<Tools, 'kube' | 'settings'>): Promise<LiveObject[]> {
  const lists = await Promise.all(
    ['deployments.apps', 'statefulsets.apps'].map((kind) => kube.list(kind, { labels: ours(settings) })),
  )
  return lists.flat().filter(({ metadata }) => metadata.namespace !== probeNamespace)
}

/** The ready pods a workload selects. Pure. @param pods of the whole cluster */
export function podsIn(workload: LiveObject, pods: readonly LiveObject[]): LiveObject[] {
  const { matchLabels } = (workload as unknown as Deployment).spec?.selector ?? {}
  return pods.filter(
    (pod) =>
      pod.metadata.namespace === workload.metadata.namespace &&
      matchLabels !== undefined &&
      isSelected(pod.metadata.labels, matchLabels) &&
      isPodServing(pod),
  )
}

/** True for a pod with a claim: the volumes of K3s are on one machine, and such a pod waits for it. Pure. */
const hasClaim = ({ spec }: LiveObject): boolean =>
  ((spec as PodSpec | undefined)?.volumes ?? []).some((one) => one.persistentVolumeClaim !== undefined)

/** Where some ready pods are, seen from a machine. Pure. */
function placeOf(pods: readonly LiveObject[], machine: string): Place {
  const there = pods.filter((pod) => nodeOf(pod) === machine)
  if (there.length === 0) return 'elsewhere'
  if (there.length < pods.length) return 'also there'
  return there.some(hasClaim) ? 'data there' : 'only there'
}

/** Host and Service of each public name of this environment. @throws KitError, see KubeReader.list */
async function publicNames({ kube, settings }: Pick<Tools, 'kube' | 'settings'>) {
  const found = await kube.list('ingresses.networking.k8s.io', { labels: ours(settings) })
  const names = found.flatMap(({ metadata: { namespace = '' }, spec }) =>
    ((spec as { rules?: Rule[] }).rules ?? []).flatMap(({ host, http }) => {
      const paths = http?.paths ?? []
      const page = paths.find(({ path }) => path === '/') ?? paths[0]
      return host === undefined ? [] : [{ host, namespace, service: page?.backend?.service?.name ?? '' }]
    }),
  )
  return names.filter(({ namespace }) => namespace !== probeNamespace)
}

interface Rule {
  host?: string
  http?: { paths?: { path?: string; backend?: { service?: { name?: string } } }[] }
}

/**
 * The public names that respond with 5xx, with the status.
 * @throws KitError exit 2, 6 or 7, see Http; as KubeReader.list
 */
export async function notServing(tools: Tools): Promise<string[]> {
  const answers = await Promise.all(
    (await publicNames(tools)).map(async ({ host }) => ({
      host,
      status: (await tools.http.ask(host, '/')).status,
    })),
  )
  return answers.filter(({ status }) => status >= 500).map(({ host, status }) => `${host}: ${status}`)
}

/**
 * What is asked of the applications while a machine is away: every public name, and each workload whose only pods are
 * on it.
 * @param other address of a node that stays
 * @throws KitError, see KubeReader.list
 */
export async function applicationQuestions(
  tools: Tools,
  machine: Pick<Member, 'name' | 'address' | 'publicAddress'>,
  other: string,
): Promise<Question[]> {
  const [names, workloads, pods, slices] = await Promise.all([
    publicNames(tools),
    workloadsOf(tools),
    tools.kube.list('pods', {}),
    tools.kube.list('endpointslices.discovery.k8s.io', {}),
  ])
  const visit = visitor(tools, machine, other)
  const public_ = names.map(({ host, namespace, service }): Question => {
    const behind = podsBehind(slices, pods, namespace, service)
    return {
      what: host,
      most: mostSeconds[placeOf(behind, machine.name)],
      ask: async () => (await visit(host)).status < 500,
    }
  })
  const alone = workloads.flatMap((workload): Question[] => {
    const place = placeOf(podsIn(workload, pods), machine.name)
    if (place !== 'only there' && place !== 'data there') return []
    // A StatefulSet makes no other pod while the old one cannot end.
    const most = workload.kind === 'StatefulSet' ? undefined : mostSeconds[place]
    const ask = () => (most === undefined ? Promise.resolve(true) : isAvailable(tools, workload))
    return [{ what: shownName(workload), most, ask }]
  })
  return [...public_, ...alone]
}

/** The ready pods behind a Service. Pure. */
function podsBehind(
  slices: readonly LiveObject[],
  pods: readonly LiveObject[],
  namespace: string,
  service: string,
): LiveObject[] {
  const own = slices.filter(
    ({ metadata }) =>
      metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === service,
  )
  const names = new Set(
    own
      .flatMap((slice) => (slice['endpoints'] ?? []) as Endpoint[])
      .filter(({ conditions }) => conditions?.ready !== false)
      .map(({ targetRef }) => targetRef?.name),
  )
  return pods.filter(({ metadata }) => metadata.namespace === namespace && names.has(metadata.name))
}

interface Endpoint {
  conditions?: { ready?: boolean }
  targetRef?: { name?: string }
}

async function isAvailable(
  { kube }: Pick<Tools, 'kube'>,
  { metadata: { namespace = '', name } }: LiveObject,
): Promise<boolean> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`
  const live = JSON.parse(await kube.raw(path, { once: true, timeoutSeconds: answerSeconds })) as Deployment
  return (live.status?.availableReplicas ?? 0) > 0
}

/**
 * A visitor of public names who does not come through the machine: by another of INGRESS_ADDRESSES, or by another node
 * on the same port; by DNS and the load balancer when there are none.
 */
function visitor(
  { http, settings }: Pick<Tools, 'http' | 'settings'>,
  { address, publicAddress }: Pick<Member, 'address' | 'publicAddress'>,
  other: string,
): (host: string) => Promise<HttpAnswer> {
  const addresses = itemsOf(settings.INGRESS_ADDRESSES)
  const hostIn = (one: string) => one.replace(/:\d+$/, '')
  const staying = addresses.find((one) => ![address, publicAddress].includes(hostIn(one)))
  const [first] = addresses
  const request = { timeoutSeconds: answerSeconds }
  if (first === undefined) return (host) => http.ask(host, '/', request)
  const at = staying ?? `${other}${first.slice(hostIn(first).length)}`
  return (host) => http.askAt(at, host, '/', request)
}
