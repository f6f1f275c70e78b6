import type { LiveObject } from '../kube/types.mts'
import { pauseFor } from '../base/poll.mts'
import { log } from '../base/log.mts'
import { failed, passed, warning, type Answer } from './checks.mts'
import { statusesOf } from './pods.mts'

// Containers that ended and were started again, by their statuses. A restart of the node is no crash, and a crash whose
// container has been ready since is over: it is a warning for the rest of the ten minutes, no failure.

/** Minutes for which a crash is reported. */
const toldMinutes = 10

/** Seconds after its crash at which a ready container counts as settled: in a crash loop it crashes again sooner. */
const settledSeconds = 60

/** A container that ended by itself within the last ten minutes. */
interface Crash {
  readonly pod: string
  readonly container: string
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly isReady: boolean
}

/** Reasons of a container that ended with its node: the kubelet no longer found it after its own start. */
const withNode = ['Unknown', 'ContainerStatusUnknown', 'NodeShutdown', 'Terminated']

interface Crashes {
  readonly crashes: readonly Crash[]
  /** Containers that only ended with their node. */
  readonly withNode: number
}

function crashesOf(pods: readonly LiveObject[], now: number): Crashes {
  const ended = pods.flatMap((pod) =>
    statusesOf(pod).flatMap(({ name, ready, lastState }): Crash[] => {
      const { finishedAt, reason = 'ended' } = lastState?.terminated ?? {}
      const at = finishedAt === undefined ? 0 : Date.parse(finishedAt)
      const isRecent = at > now - toldMinutes * 60_000
      return isRecent ? [{ pod: pod.metadata.name, container: name, reason, at, isReady: ready }] : []
    }),
  )
  const crashes = ended.filter(({ reason }) => !withNode.includes(reason))
  return { crashes, withNode: ended.length - crashes.length }
}

const isOver = ({ isReady, at }: Crash, now: number): boolean => isReady && now - at >= settledSeconds * 1000

/**
 * Failed when a container crashed within the last ten minutes and is not ready again, or crashed less than a minute
 * ago; a warning when each is ready and crashed earlier.
 * @param now milliseconds since the epoch
 */
export function crashAnswer(pods: readonly LiveObject[], now = Date.now()): Answer {
  const { crashes, withNode: restarted } = crashesOf(pods, now)
  if (crashes.length === 0)
    return passed(restarted === 0 ? 'none' : `none; ${restarted} ended with their node`)
  const told = crashes.map(({ pod, container, reason }) => `${pod}/${container} ${reason}`).join(', ')
  const open = crashes.find((one) => !isOver(one, now))
  if (open !== undefined) return failed(told, { POD: `${open.pod} --container ${open.container}` })
  const last = Math.max(...crashes.map(({ at }) => at))
  const end = new Date(last + toldMinutes * 60_000).toISOString().slice(11, 16)
  return warning(`${told}; ready since then: told until ${end} UTC`)
}

/**
 * As crashAnswer; where every crashed container is ready again and one crashed less than a minute ago, waits for the
 * rest of that minute and reads the pods again.
 * @param read reads the pods anew at each call
 * @throws what `read` throws; Cancelled (130) or KitError exit 143 on a signal
 */
export async function settledCrashes(
  first: readonly LiveObject[],
  read: () => Promise<readonly LiveObject[]>,
): Promise<Answer> {
  const now = Date.now()
  const { crashes } = crashesOf(first, now)
  const young = crashes.filter((one) => !isOver(one, now))
  if (young.length === 0 || young.some(({ isReady }) => !isReady)) return crashAnswer(first, now)
  const wait = Math.max(...young.map(({ at }) => at + settledSeconds * 1000 - now))
  log.waiting(`${young[0]?.pod} crashed and is ready again: whether it stays so, ${Math.ceil(wait / 1000)} s`)
  await pauseFor(Math.min(wait, settledSeconds * 1000) + 500)
  return crashAnswer(await read())
}
