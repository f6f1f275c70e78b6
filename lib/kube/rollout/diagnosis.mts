import type { LiveObject, Pod } from '../types.mts'
import { agents } from '../manifests/injection.mts'
import { cannotCreate, waitingRows } from './waiting-reasons.mts'

// Pure: states of a pod or ReplicaSet that do not end by themselves, what they mean, what to do.

/** Why something cannot start, in the order an operator needs it. */
export interface Diagnosis {
  /** `image not found` */
  readonly what: string
  /** `n8n-worker-6f9c on k8s-worker-02` */
  readonly where: string
  /** The message of the kubelet, scheduler or API server. */
  readonly words: string
  /** What to do. */
  readonly next: string
  /** The container whose last log lines give the cause. */
  readonly log?: { readonly pod: string; readonly container: string; readonly previous: boolean }
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]

/** Most restarts that are not a crash loop: a backend may be unreachable for a moment. */
const crashesTolerated = 1

/** Seconds after which an agent of Vault that still runs before the application has not got its values. */
const agentSeconds = 90

/**
 * The diagnosis of a pod that cannot become ready by itself, or undefined while it still may.
 * @param podsEnding pods of the namespace are being deleted: an unschedulable pod may get what they free
 * @param now milliseconds since 1970
 * @param waited seconds for which the pod was waited for, where somebody waits: by the clock of one machine, and not by
 *   those of two
 */
export function diagnosePod(
  pod: Pod,
  { podsEnding, now = Date.now(), waited = Infinity }: { podsEnding: boolean; now?: number; waited?: number },
): Diagnosis | undefined {
  const name = pod.metadata?.name ?? ''
  const where = `${name}${pod.spec?.nodeName === undefined ? '' : ` on ${pod.spec.nodeName}`}`
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  for (const status of statuses) {
    const found =
      diagnoseWaiting(status, where) ??
      diagnoseCrash(status, name, where) ??
      diagnoseAgent(status, name, now, waited)
    if (found !== undefined) return found
  }
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const { reason, message = '' } = scheduled ?? {}
  // A pod being deleted may free the missing resource; the PersistentVolumeClaim of a new pod is created just after it.
  const mayChange = podsEnding || message.includes('waiting for ephemeral volume controller')
  if (reason === 'Unschedulable' && !mayChange) return diagnoseUnscheduled(message, where)
  return undefined
}

function diagnoseUnscheduled(words: string, where: string): Diagnosis {
  if (/PersistentVolumeClaim/i.test(words)) {
    return {
      what: 'its volume is not there',
      where,
      words,
      next: 'kubectl get persistentvolumeclaims,storageclasses   shows whether a storage class makes it; module 9 checks the default one',
    }
  }
  return {
    what: 'no node can take it',
    where,
    words,
    next: 'free the resource named above, add a node, or lower the module’s maxima',
  }
}

function diagnoseWaiting(status: ContainerStatus, where: string): Diagnosis | undefined {
  const { reason = '', message = '' } = status.state?.waiting ?? {}
  const row = waitingRows.find((one) => one.reasons.includes(reason) && (one.message?.test(message) ?? true))
  if (row === undefined) return undefined
  return { what: row.what, where, words: `${status.image}: ${message || reason}`, next: row.next }
}

function diagnoseCrash(status: ContainerStatus, pod: string, where: string): Diagnosis | undefined {
  const ended = status.state?.terminated ?? status.lastState?.terminated
  if (ended?.reason === 'StartError') {
    const words = `${status.image}: ${ended.message ?? ended.reason}`
    return { what: 'the container cannot be created', where, words, next: cannotCreate }
  }
  if (ended === undefined || ended.exitCode === 0 || status.restartCount <= crashesTolerated) return undefined
  const log = { pod, container: status.name, previous: status.state?.terminated === undefined }
  if (ended.reason === 'OOMKilled') {
    return {
      what: 'it needs more memory than its limit',
      where,
      words: `container ${status.name} was killed by the kernel (OOMKilled), ${status.restartCount} times`,
      next: 'raise the container’s memory limit, or lower the load on it',
      log,
    }
  }
  return {
    what: 'it crashes again and again',
    where,
    words: `container ${status.name} ended with exit ${ended.exitCode}, ${status.restartCount} times`,
    next: 'read its last lines above; the log of this run has more of them',
    log,
  }
}

/** An agent that gets no values tries again for ever: no event and no restart shows it, only its log. */
function diagnoseAgent(
  { name, state }: ContainerStatus,
  pod: string,
  now: number,
  waited: number,
): Diagnosis | undefined {
  const since = name === agents.init ? state?.running?.startedAt : undefined
  const seconds = since === undefined ? 0 : Math.round((now - new Date(String(since)).getTime()) / 1000)
  if (!(Math.min(seconds, waited) > agentSeconds)) return undefined
  return {
    what: 'it waits for Vault',
    where: pod,
    words: `container ${name} has got no values for ${seconds} s; it tries again, and the pod then starts by itself`,
    next: 'read its last lines above, and Vault’s own log',
    log: { pod, container: name, previous: false },
  }
}

/** The diagnosis of a pod of an earlier template that its StatefulSet does not replace by itself, or undefined. */
export function diagnoseStuck(pod: Pod, namespace: string): Diagnosis | undefined {
  const found = diagnosePod(pod, { podsEnding: false })
  return (
    found && {
      ...found,
      what: `its pod of an earlier template is not replaced: ${found.what}`,
      next: `kubectl --namespace ${namespace} delete pod ${pod.metadata?.name}   (its volume stays), then run the same command again`,
    }
  )
}

/**
 * The diagnosis of a ReplicaSet whose pods cannot be created (quota, webhook), or undefined.
 * @param where its workload: `deployment/n8n`
 */
export function diagnoseRefusal(replicaSet: LiveObject, where: string): Diagnosis | undefined {
  const status = replicaSet['status'] as
    { conditions?: { type: string; status: string; message?: string }[] } | undefined
  const failure = status?.conditions?.find((one) => one.type === 'ReplicaFailure' && one.status === 'True')
  if (failure === undefined) return undefined
  return {
    what: 'its pods are refused',
    where,
    words: failure.message ?? '',
    next: 'the quota or webhook named above decides: change it, or the module’s settings',
  }
}

/**
 * True for a pod that the cluster has given up because its node does not answer: its last state is kept, so all its
 * containers are ready, and the pod is not. The kubelet itself says so only of a pod with readiness gates.
 */
function isGivenUp({ spec, status }: Pod): boolean {
  const containers = status?.containerStatuses ?? []
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return (
    ready?.status === 'False' &&
    (spec?.readinessGates ?? []).length === 0 &&
    containers.length > 0 &&
    containers.every((one) => one.ready)
  )
}

/** Why a pod is not ready yet, for progress lines. @param lastEvent message of the pod's latest Event */
export function waitingReason(pod: Pod, lastEvent: string | undefined): string {
  if (isGivenUp(pod))
    return `waits for its node ${pod.spec?.nodeName}, which does not answer, or to be replaced`
  const status = pod.status?.containerStatuses?.find(({ ready }) => !ready)
  const waiting = status?.state?.waiting
  if (waiting?.reason === 'ContainerCreating' || waiting?.reason === 'PodInitializing')
    return lastEvent ?? 'being created'
  if (waiting !== undefined) return waiting.message ?? waiting.reason ?? 'waiting'
  if (status?.state?.running !== undefined) return lastEvent ?? `${status.name} is starting`
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  return scheduled?.message ?? lastEvent ?? 'pending'
}
