import { unlessInterrupted } from '../base/errors.mts'
import type { LiveObject } from './types.mts'
import type { KubeReader } from './reader.mts'
import { createLimit } from '../base/concurrency.mts'

// Probes: small pods that module 9 runs on every node. Through them the kit tests what can be reached from each node. A
// cluster that the kit did not install has none.

/** The namespace of the probes. */
export const probeNamespace = 'keybuzz-probe'
/** The port of the probes for the requests of the kit, which go through the API server. */
export const askedPort = 8081
/** Labels of the probes that run on every node. */
export const nodeProbe = { 'app.kubernetes.io/name': 'probe', 'app.kubernetes.io/component': 'node' } as const

/** The part of a KubeReader that sends requests to probes. */
type Asking = Pick<KubeReader, 'raw'>

/** A running probe. */
export interface Probe {
  readonly node: string
  readonly pod: string
  readonly address: string
}

/** The results of one probe, `yes` or `no` by item; an item without a result is absent. */
export type Seen = ReadonlyMap<string, string>

/** Most bytes of items in one request: request and response fit into one packet each, where larger ones are lost. */
const questionBytes = 900

/** Runs at most 8 requests to probes at the same time. */
const limit = createLimit(8)

/** The running probes with these labels, sorted by the name of their node. @throws KitError, see KubeReader.list */
export async function probesOf(
  kube: Pick<KubeReader, 'list'>,
  labels: Readonly<Record<string, string>>,
): Promise<Probe[]> {
  const pods = await kube.list('pods', { namespace: probeNamespace, labels })
  return pods.flatMap(probeOf).toSorted((a, b) => a.node.localeCompare(b.node))
}

function probeOf({ metadata, spec, status }: LiveObject): Probe[] {
  const { nodeName } = spec as { nodeName?: string }
  const { podIP, phase } = status as { podIP?: string; phase?: string }
  const runs = phase === 'Running' && metadata.deletionTimestamp === undefined
  return !runs || nodeName === undefined || podIP === undefined
    ? []
    : [{ node: nodeName, pod: metadata.name, address: podIP }]
}

/**
 * The output of one CGI program of a probe, requested through the API server.
 * @param program its name, and its query: `reach?ask=ITEM`
 * @throws KitError exit 6, 8 or 9 when it does not answer, see KubeReader.raw
 */
export const askProbe = (kube: Asking, { pod }: Probe, program: string): Promise<string> =>
  kube.raw(`/api/v1/namespaces/${probeNamespace}/pods/${pod}:${askedPort}/proxy/cgi-bin/${program}`)

/**
 * The results of one probe for `items`. Items without a result are requested once more: a busy node is slow, not
 * unreachable. A probe that does not answer has no results.
 * @param items as in probe-scripts.mts of module 9: `open=192.0.2.20:5432`
 * @throws KitError exit 130 or 143 on a signal, and nothing else
 */
export async function reach(kube: Asking, probe: Probe, items: readonly string[]): Promise<Seen> {
  const first = await look(kube, probe, items)
  const missing = items.filter((item) => !first.has(item))
  return new Map([...first, ...(await look(kube, probe, missing))])
}

async function look(kube: Asking, probe: Probe, items: readonly string[]): Promise<Map<string, string>> {
  const answers = await Promise.all(
    portionsOf(items).map(async (portion) => {
      const question = `reach?ask=${encodeURIComponent(portion.join('|'))}`
      const answer = await limit(() => askProbe(kube, probe, question)).catch(unlessInterrupted(() => ''))
      return answer.split('\n').flatMap((line): [string, string][] => {
        const [, at, back = ''] = /^(\d+) (.+)$/.exec(line.trim()) ?? []
        const item = portion[Number(at)]
        return item === undefined ? [] : [[item, back]]
      })
    }),
  )
  return new Map(answers.flat())
}

/** Splits items into those of one request each. */
export function portionsOf(items: readonly string[]): string[][] {
  const portions: string[][] = []
  let room = 0
  for (const item of items) {
    const bytes = encodeURIComponent(`${item}|`).length
    if (bytes > room) {
      portions.push([])
      room = questionBytes
    }
    portions.at(-1)?.push(item)
    room -= bytes
  }
  return portions
}
