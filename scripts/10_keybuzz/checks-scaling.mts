import { pollUntil } from '../../lib/base/poll.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import { type Part, nameOf, names } from './names.mts'
import { parts, podsOf, type KeybuzzCheck, type Tools } from './session.mts'

/** Milliseconds after a pod's start within which its autoscaler has its first metrics (seen: up to 75 s). */
const firstFigures = 120_000

interface Autoscaler {
  readonly spec: { readonly minReplicas?: number; readonly maxReplicas: number }
  readonly status?: {
    readonly currentReplicas?: number
    readonly desiredReplicas?: number
    readonly conditions?: readonly { type: string; status: string; message?: string }[]
    readonly currentMetrics?: readonly { resource?: { current?: { averageUtilization?: number } } }[] | null
  }
}

/** The current state of the HorizontalPodAutoscaler of one part. */
export interface Reading {
  readonly part: Part
  /** CPU in percent of the pods' requests; undefined while there are no metrics. */
  readonly percent: number | undefined
  /** Its condition ScalingActive in words: why there are no metrics. */
  readonly why: string
  /** Replicas: current, desired, minimum and maximum. */
  readonly now: number
  readonly wanted: number
  readonly least: number
  readonly most: number
}

/**
 * Reads the autoscaler of a part.
 * @throws Error when it does not exist; KitError exit 3 or 5 to 9 from kubectl
 */
export async function readingOf(
  { kube, settings }: Pick<Tools, 'kube' | 'settings'>,
  part: Part,
): Promise<Reading> {
  const found = await kube.get(
    'horizontalpodautoscalers.autoscaling',
    nameOf(part),
    names.namespace(settings.ENV),
  )
  if (found === undefined) throw new Error(`there is no autoscaler ${nameOf(part)}`)
  const { spec, status = {} } = found as unknown as Autoscaler
  const active = status.conditions?.find(({ type }) => type === 'ScalingActive')
  const percent = status.currentMetrics?.[0]?.resource?.current?.averageUtilization
  return {
    part,
    percent: active?.status === 'True' ? percent : undefined,
    why: active?.message ?? 'it has read nothing yet',
    now: status.currentReplicas ?? 0,
    wanted: status.desiredReplicas ?? 0,
    least: spec.minReplicas ?? 1,
    most: spec.maxReplicas,
  }
}

export const autoscalers: KeybuzzCheck = {
  id: 'keybuzz.autoscalers',
  title: 'Both autoscalers read the load of their pods',
  fix: 'kubectl top pods -n NAMESPACE must show figures: metrics-server (module 9) gives them a minute after a pod started',
  async ask(tools) {
    const youngest = await youngestPod(tools)
    const readings = await pollUntil(() => Promise.all(parts.map((part) => readingOf(tools, part))), {
      until: (all) =>
        all.every(({ percent }) => percent !== undefined) || Date.now() - youngest > firstFigures,
      milliseconds: firstFigures,
      every: 3000,
      waiting: () => 'the autoscalers read their first figures a minute after a pod started',
    })
    const blind = readings.filter(({ percent }) => percent === undefined)
    if (blind.length > 0) return failed(blind.map(({ part, why }) => `${part}: ${why}`).join('; '))
    return passed(
      readings
        .map(({ part, percent, now, least, most }) => `${part} ${percent}%, ${now} of ${least} to ${most}`)
        .join('; '),
    )
  },
}

/** When the newest pod was created, in milliseconds since 1970; 0 when there is none. */
async function youngestPod(tools: Tools): Promise<number> {
  const pods = (await Promise.all(parts.map((part) => podsOf(tools, part)))).flat()
  return Math.max(0, ...pods.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '')))
}
