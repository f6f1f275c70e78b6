import { cpuText, memoryText, type Amount } from '../amounts.mts'
import { byName } from '../objects.mts'
import { type LiveObject, nameOf } from '../types.mts'
import { isWorkload } from '../workloads.mts'
import type { Planned } from './diff.mts'
import type { KubeSession } from './kube.mts'
import { ownerOf } from './ownership.mts'
import { freest, nodesFor, roomOn, shortageOf, type NodeRoom, type Shortage, type Starting } from './room.mts'
import { needsOfPods, startsPods, type Need } from './starting-pods.mts'

/** Too little room for the pods of a run. */
export interface MissingRoom {
  /** One sentence: which workload, what it requests, the most that is free and where. */
  readonly message: string
  /** Names of the workloads that need the room: `litellm`. */
  readonly workloads: readonly string[]
  /**
   * True when no scheduler could place the least of them, were every node there and none of the module's own pods. False
   * when it is only likely: another order, an old pod or a Job that ends, or a node that comes back, may make room.
   */
  readonly isSure: boolean
}

/**
 * Compares what the pods that planned changes start request with what is free on the nodes. The pods of the cluster are
 * read only when a change starts some.
 * @param planned every object of the run
 * @param nodes the Node objects of the cluster
 * @returns the first thing that is missing, a sure one before one that is not; undefined when each pod finds a node
 * @throws KitError, see Api
 */
export async function missingRoom(
  session: Pick<KubeSession, 'objects' | 'recorded' | 'reader'>,
  planned: readonly Planned[],
  nodes: readonly LiveObject[],
): Promise<MissingRoom | undefined> {
  if (!startsPods(planned)) return undefined
  const pods = await session.reader.list('pods', {})
  const declared = new Set(planned.map(({ manifest }) => nameOf(manifest)))
  const steps = new Set(planned.map(({ manifest }) => ownerOf(manifest).step))
  const leaving = (await session.recorded()).filter(
    (one) => isWorkload(one) && !declared.has(nameOf(one)) && steps.has(ownerOf(one).step),
  )
  const live = byName(await session.objects())
  const { least, atEnd, jobs, besides } = needsOfPods({ planned, live, leaving, pods })
  const problemOf = (need: Need, rooms: readonly NodeRoom[], how: How): MissingRoom[] => {
    const shortage = shortageOf(need.starting, rooms)
    return shortage === undefined ? [] : [problem(shortage, { need, rooms, ...how })]
  }
  const now = (need: Need, isBeside: boolean) =>
    problemOf(need, roomOn(nodes, pods, need.gone), { isBeside, isSure: false })
  const found = [
    ...problemOf(
      least,
      roomOn(nodes, pods, least.gone, () => true),
      { isBeside: false, isSure: true },
    ).filter(({ isSure }) => isSure),
    ...[atEnd, ...jobs].flatMap((need) => now(need, false)),
    ...besides.flatMap((need) => now(need, true)),
  ]
  return found.find(({ isSure }) => isSure) ?? found[0]
}

interface How {
  readonly isBeside: boolean
  readonly isSure: boolean
}

interface Found extends How {
  readonly need: Need
  readonly rooms: readonly NodeRoom[]
}

function problem(shortage: Shortage, { need, rooms, isBeside, isSure }: Found): MissingRoom {
  if (shortage.is === 'total') {
    const count = need.starting.reduce((sum, one) => sum + one.count, 0)
    return {
      message: `the ${count} pods of this run do not fit on the nodes: together they request ${amountText(shortage.wanted)}, and ${amountText(shortage.free)} is free`,
      workloads: need.starting.map(nameIn),
      isSure,
    }
  }
  const { one } = shortage
  const each = `${amountText(one.request)}${one.count === 1 ? '' : ' each'}`
  const wants = `${one.what} wants ${one.count} pod${one.count === 1 ? '' : 's'} of ${each}`
  const usable = nodesFor(one.pod, rooms)
  const message =
    shortage.is === 'order'
      ? `${one.what} may find no room: the free CPU and memory is in pieces, and one of its pods wants ${amountText(one.request)}`
      : isBeside
        ? `${one.what} may not be replaced: its new pod of ${each} starts before an old one ends, and no node has room for it`
        : `${wants}, and the nodes have room for ${shortage.fitting}`
  return {
    message: `${message} (${mostFree(usable)})`,
    workloads: [nameIn(one)],
    isSure: isSure && shortage.is === 'workload',
  }
}

const nameIn = ({ what }: Starting): string => what.slice(what.lastIndexOf('/') + 1)

const amountText = (amount: Amount): string => `${cpuText(amount)} and ${memoryText(amount)}`

function mostFree(rooms: readonly NodeRoom[]): string {
  const [cpu, memory] = [freest(rooms, 'cpuMillis'), freest(rooms, 'memoryBytes')]
  if (cpu === undefined || memory === undefined) return 'no node takes such a pod'
  return `most free: ${cpuText(cpu.free)} on ${cpu.name}, ${memoryText(memory.free)} on ${memory.name}`
}
