import { awaitedLater } from '../../lib/base/concurrency.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import { failed, passed, warning } from '../../lib/checks/checks.mts'
import type { Drill, DrillTools } from '../../lib/checks/drills.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import { readingOf, type Reading } from './checks-scaling.mts'
import { firstThatRuns, waysToBeBusy } from './inside.mts'
import { sendVisitors } from './load.mts'
import { type Part, healthOf, hostOf, nameOf, names } from './names.mts'
import type { keybuzz } from './module.mts'
import type { KeybuzzSettings } from './settings.mts'
import { parts, podsOf, type Tools } from './session.mts'

type KeybuzzDrill = Drill<KeybuzzSettings>
type Drilling = DrillTools<KeybuzzSettings>

/** Seconds of CPU load: metrics are collected every 15 s, and the autoscaler evaluates them every 15 s. */
const busySeconds = 100
/** Milliseconds to scale up, and to scale down: the autoscaler waits 5 minutes, then removes one pod a minute. */
const upMost = 150_000
const downMost = 900_000

const asking =
  ({ http, settings }: Pick<Tools, 'http' | 'settings'>, part: Part) =>
  () =>
    http.ask(hostOf(settings, part), healthOf(settings, part))

const rollout: KeybuzzDrill = {
  id: 'keybuzz.rollout',
  title: 'A rolling update loses no request',
  fix: 'the container must serve on after SIGTERM until what is open is answered, and not end within its first 10 s',
  async run(tools) {
    const { breaking, settings } = tools
    const seen: string[] = []
    for (const part of parts) {
      const visitors = sendVisitors(asking(tools, part), 4, 20)
      try {
        await breaking.rollOver(names.namespace(settings.ENV), nameOf(part))
      } finally {
        await visitors.stop()
      }
      const { answered, lost } = visitors
      if (lost.length > 0)
        return failed(
          `${part}: ${lost.length} of ${answered + lost.length} requests lost, the first: ${lost[0]}`,
        )
      if (answered === 0) return failed(`${part}: no request was answered`)
      seen.push(`${part} ${answered} requests`)
    }
    return passed(`${seen.join(', ')}, none lost`)
  },
}

const scaling: KeybuzzDrill = {
  id: 'keybuzz.scaling',
  title: 'Busy, the API gets more pods, and gives them back',
  fix: 'kubectl -n NAMESPACE describe hpa keybuzz-api; a node must have room for one pod more',
  async run(tools) {
    const reading = () => readingOf(tools, 'api')
    const { least, now, most } = await reading()
    if (now >= most) return warning(`it has ${now} pods already, its most: no load could add one`)
    const { top, answered, lost, wasBusy } = await underLoad(tools, (one) => one.now > now)
    if (!wasBusy) return warning('its image has neither node, python3 nor sh: it cannot be made busy')
    if (lost.length > 0) return failed(`busy, it lost ${lost.length} requests, the first: ${lost[0]}`)
    if (top.now <= now) return failed(`busy at ${top.percent ?? '?'}%, it has ${top.now} pods still`)
    const end = await pollUntil(reading, {
      until: (one) => one.now <= least,
      milliseconds: downMost,
      every: 5000,
      waiting: () => 'they are idle again: the autoscaler waits 5 minutes before it takes pods back',
    })
    const way = `busy at ${top.percent ?? '?'}%, from ${now} to ${top.now} pods; ${answered} requests, none lost`
    return end.now <= least
      ? passed(`${way}; then back to ${end.now}`)
      : failed(`${way}; but ${end.now} stayed`)
  },
}

interface Peak {
  /** The last state of the autoscaler. */
  readonly top: Reading
  readonly answered: number
  readonly lost: readonly string[]
  /** False when a pod's image has no program that can produce CPU load. */
  readonly wasBusy: boolean
}

/**
 * Puts CPU load on the API's pods for `busySeconds`, and sends requests to it meanwhile.
 * @param until the state of the autoscaler that is waited for, `upMost` milliseconds at most
 */
async function underLoad(tools: Drilling, until: (reading: Reading) => boolean): Promise<Peak> {
  const visitors = sendVisitors(asking(tools, 'api'), 4, 20)
  try {
    const pods = await podsOf(tools, 'api')
    const busy = awaitedLater(Promise.all(pods.map((pod) => keepBusy(tools, pod))))
    let isIdle = false
    void busy.then(
      (ways) => (isIdle = !ways.every(Boolean)),
      () => (isIdle = true),
    )
    const top = await pollUntil(() => readingOf(tools, 'api'), {
      // Pods that cannot be made busy bring no other pod: nothing is waited for.
      until: (reading) => isIdle || until(reading),
      milliseconds: upMost,
      every: 3000,
      waiting: () => `the API’s pods are busy for ${busySeconds} s, until the autoscaler adds one`,
    })
    const wasBusy = (await busy).every(Boolean)
    return { top, wasBusy, answered: visitors.answered, lost: visitors.lost }
  } finally {
    await visitors.stop()
  }
}

const keepBusy = async ({ breaking }: Drilling, pod: LiveObject): Promise<boolean> =>
  (await firstThatRuns(waysToBeBusy(busySeconds), async (argv) => {
    await breaking.runIn(pod, argv, busySeconds)
    return true
  })) ?? false

export const drills: DrillsOf<typeof keybuzz> = [rollout, scaling]
