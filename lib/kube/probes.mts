import type { LiveObject } from './types.mts'
import type { KubeReader } from './reader.mts'
import { createLimit } from '../base/concurrency.mts'

// Small pods that the module that makes a cluster lets run on every node, and what the kit asks them: what is reached
// from there. A cluster the kit did not make has none.

export const probeNamespace = 'keybuzz-probe'
/** The port by which the kit asks them, through the API server. */
export const askedPort = 8081
/** Labels of the probe that is on every node. */
export const nodeProbe = { 'app.kubernetes.io/name': 'probe', 'app.kubernetes.io/component': 'node' } as const

/** What a KubeReader must be able to do to ask probes. */
type Asking = Pick<KubeReader, 'raw'>

/** A probe that runs, and where. */
export interface Probe {
  readonly node: string
  readonly pod: string
  readonly address: string
}

/** What one probe was asked, and what came back: empty when nothing did. */
export type Seen = ReadonlyMap<string, string>

/** Bytes of one question: it fits into one packet, and so does its answer, where larger ones are lost. */
const questionBytes = 900

/** Probes asked at the same time. */
const limit = createLimit(8)

/** The running probes with these labels, by the name of their node. @throws KitError exit 3 or 5 to 9 from kubectl */
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

/** Asks one program of one probe, through the API server. @throws KitError when it does not answer */
export const askProbe = (kube: Asking, { pod }: Probe, program: string): Promise<string> =>
  kube.raw(`/api/v1/namespaces/${probeNamespace}/pods/${pod}:${askedPort}/proxy/cgi-bin/${program}`)

/**
 * What one probe reaches of `items`. What does not answer is asked once more: a busy node is slow, not cut off.
 * A probe that does not answer has seen nothing.
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
      const answer = await limit(() => askProbe(kube, probe, question)).catch(() => '')
      return answer.split('\n').flatMap((line): [string, string][] => {
        const [, at, back = ''] = /^(\d+) (.+)$/.exec(line.trim()) ?? []
        const item = portion[Number(at)]
        return item === undefined ? [] : [[item, back]]
      })
    }),
  )
  return new Map(answers.flat())
}

/** Items, cut into questions. */
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
