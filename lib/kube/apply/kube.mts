import type { Job, LiveObject, Manifest } from '../types.mts'
import type { KubeReader } from '../reader.mts'
import type { Kubectl } from '../kubectl.mts'
import type { KnownFailure } from '../rollout/failure.mts'
import type { Owner } from './ownership.mts'
import type { Writes } from '../../base/writes.mts'

/** What a step does with the cluster. Readers always run; writers go through the gate. */
export interface Kube extends KubeReader {
  /** Makes the cluster hold these objects: compares first, sends only what is new or changed. */
  apply(manifests: readonly Manifest[]): Promise<void>
  /** Sees to it that a Job of kube/manifests/jobs.mts has been done; waits for its end. It belongs to no revision. */
  ensureJob(job: Job): Promise<void>
  /** Waits until Deployments serve with what was applied, or one of their pods cannot start. */
  waitForRollout(namespace: string, ...deployments: string[]): Promise<void>
}

/** What the runtime does around the steps. */
export interface KubeSession {
  /** What one step works with: its objects carry that step's label. @param step `01_deploy` */
  of(step: string): Kube
  readonly reader: KubeReader
  /** Everything applied or found unchanged so far. */
  readonly manifests: readonly Manifest[]
  /** Names of everything applied, found unchanged, or seen to as a Job so far. */
  readonly seenTo: ReadonlySet<string>
  readonly unchanged: number
  /**
   * Asks what applying all these would change, before the first of them is sent: their steps then need not ask again.
   * @throws KitError exit 5 for a hand edit or somebody else's object, wherever among them it is
   */
  planAhead(manifests: readonly Manifest[]): Promise<void>
  /** Applies objects that carry their step's label already: those of an earlier revision. */
  reapply(manifests: readonly Manifest[]): Promise<void>
  /** Deletes the module's objects that this run did not apply: those of one step, or of all. Names strays. */
  prune(step?: string): Promise<void>
  /** Deletes the module's Jobs: what they did may have been undone by a restored backup. The next install does it again. */
  forgetJobs(): Promise<void>
  /** Every live object of the module and environment, as it was at the first question. */
  objects(): Promise<readonly LiveObject[]>
  /** Those of them that a revision names: only they are the kit's to delete or to change. */
  recorded(): Promise<readonly LiveObject[]>
  /** Says which objects have the module's labels and are in none of its revisions. */
  sayStrays(): Promise<void>
  /** Something was written past this session: ask again. */
  invalidate(): void
  /** Waits for Deployments whatever is known of them. */
  waitForRolloutUncached(namespace: string, deployments: readonly string[]): Promise<void>
  /** Waits as a step does: not for Deployments that were served already and got nothing. */
  waitForRollout(namespace: string, ...deployments: string[]): Promise<void>
}

export interface KubeOptions {
  readonly kubectl: Kubectl
  readonly writes: Writes
  readonly owner: Omit<Owner, 'step'>
  readonly forceConflicts: boolean
  readonly failures: readonly KnownFailure[]
  /** The namespaces there are. */
  readonly namespaces: readonly LiveObject[]
  /** The objects of every module. */
  readonly objects: readonly LiveObject[]
  /** Whether a revision of the module names a live object. */
  readonly isRecorded: (live: LiveObject) => boolean
}
