import type { Sensitive } from '../../base/sensitive.mts'
import type { Job, LiveObject, Manifest } from '../types.mts'
import type { KubeReader } from '../reader.mts'
import type { Kubectl } from '../kubectl.mts'
import type { KnownFailure } from '../rollout/failure.mts'
import type { Definition } from './definitions.mts'
import type { Planned } from './diff.mts'
import type { Owner } from './ownership.mts'
import type { Change, Writes } from '../../base/writes.mts'

/** What a step does with the cluster. Reads always run; writes go through the gate and throw as Writes.make. */
export interface Kube extends KubeReader {
  /**
   * Applies these objects: compares first, sends only what is new or changed.
   * @throws KitError exit 5 for a manual edit, or an object of another owner or being deleted; see also sendObjects
   */
  apply(manifests: readonly Manifest[]): Promise<void>
  /**
   * Sets single fields of objects that the kit does not own; it never deletes them.
   * @throws KitError exit 5 or 9, see setForeignFields
   */
  setFields(fields: readonly Manifest[]): Promise<void>
  /**
   * Ensures that the cluster has these CustomResourceDefinitions. They are in no revision, and never deleted.
   * @returns false under --plan when it does not have them yet: their objects cannot be compared
   * @throws KitError exit 5 or 9, see ensureDefinitions
   */
  ensureDefinitions(definitions: readonly Definition[]): Promise<boolean>
  /**
   * Ensures that a Job of manifests/jobs.mts has completed. It is in no revision.
   * @param alone names of Deployments of its namespace that must have no pod while it runs: they are scaled to 0 before
   * it is created, and `apply` scales them up again
   * @throws KitError exit 5 or 9, see ensureJob in rollout/job.mts and pauseDeployments
   */
  ensureJob(job: Job, alone?: readonly string[]): Promise<void>
  /**
   * Evicts a pod, so that its controller creates another one, which the scheduler places anew.
   * @throws KitError exit 9 when a PodDisruptionBudget forbids it; see also evictPod
   */
  evict(pod: LiveObject): Promise<void>
  /**
   * Waits until workloads serve with what was applied.
   * @param workloads names of Deployments, or `statefulset/qdrant`
   * @throws KitError exit 5 or 9, see waitForDeployments
   */
  waitForRollout(namespace: string, ...workloads: string[]): Promise<void>
}

/**
 * The cluster session of one run of one module, used by the code that runs the steps. Methods that read throw as Api,
 * those that write as Kubectl.run and the gate (Writes.make).
 */
export interface KubeSession {
  /** The Kube of one step: its objects get that step's label. @param step `01_deploy` */
  of(step: string): Kube
  readonly reader: KubeReader
  /** Everything applied or found unchanged so far. */
  readonly manifests: readonly Manifest[]
  /** Names of everything applied, found unchanged, or passed to ensureJob so far. */
  readonly seenTo: ReadonlySet<string>
  readonly unchanged: number
  /**
   * Compares all these objects before the first of them is sent; the result is cached for their steps.
   * @returns each of them, with what applying it would change
   * @throws KitError exit 5 for a manual edit (not under --plan), or an object of another owner or being deleted; exit
   * 8 or 9 when the API server refuses an object; see also sendObjects
   */
  planAhead(manifests: readonly Manifest[]): Promise<readonly Planned[]>
  /** The changes among what the last planAhead returned; empty before the first. */
  readonly foreseen: readonly Change[]
  /** Applies objects of an earlier revision, which have their step's label already. @throws KitError, see Kube.apply */
  reapply(manifests: readonly Manifest[]): Promise<void>
  /**
   * Deletes recorded objects this run did not apply, of one step or all; warns as sayStrays.
   * @param step `01_deploy`
   * @param isMeant false for an object that stays for now; all are meant unless given
   */
  prune(step?: string, isMeant?: (live: LiveObject) => boolean): Promise<void>
  /** The objects that `prune` would delete. @param step `01_deploy` */
  unwanted(step: string): Promise<readonly LiveObject[]>
  /** Deletes the module's Jobs: the next install runs them again, as a restored backup may have undone their work. */
  forgetJobs(): Promise<void>
  /** Every live object of the module and environment, as first read. */
  objects(): Promise<readonly LiveObject[]>
  /** Those of `objects` that a revision names: the kit deletes only these. */
  recorded(): Promise<readonly LiveObject[]>
  /** Warns of objects that have the module's labels and are in none of its revisions. */
  sayStrays(): Promise<void>
  /** Called after a write outside this session: live objects are then read again. */
  invalidate(): void
  /** Waits for workloads, also for those that served when first read. @throws KitError, see waitForDeployments */
  waitForRolloutUncached(namespace: string, workloads: readonly string[]): Promise<void>
  /** As Kube.waitForRollout: not for those that served when first read and were not sent since. */
  waitForRollout(namespace: string, ...workloads: string[]): Promise<void>
}

/** What createKube works with. */
export interface KubeOptions {
  readonly kubectl: Kubectl
  readonly writes: Writes
  readonly owner: Omit<Owner, 'step'>
  readonly forceConflicts: boolean
  /** Known failures of the module's containers, read when one fails. */
  readonly failures: () => readonly KnownFailure[]
  /** The live namespaces. */
  readonly namespaces: readonly LiveObject[]
  /** The live objects of every module, with managedFields. */
  readonly objects: readonly LiveObject[]
  /** The key of the HMACs of pod templates' checksums and Jobs' names (keyed.mts). */
  readonly checksumKey: Sensitive
  /** Further kinds the module makes, as kubectl names them. */
  readonly moreKinds?: readonly string[]
  /** Whether a revision of the module names a live object. */
  readonly isRecorded: (live: LiveObject) => boolean
}
