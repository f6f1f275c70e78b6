import { KitError } from '../../lib/base/errors.mts'
import { connectCluster } from '../../lib/kube/cluster.mts'
import { findKubectl } from '../../lib/kube/find-kubectl.mts'
import type { Revision } from '../../lib/state/revision.mts'
import { readRecords } from '../../lib/state/revision-store.mts'
import { readVersions } from '../../lib/settings/versions.mts'
import { Unmeasured } from './measure.mts'
import { env } from './quiet-run.mts'

/** The practice platform's cluster. */
export interface Practice {
  /** kubectl with its kubeconfig and context. */
  readonly words: readonly string[]
  /** kubectl alone. */
  readonly program: readonly string[]
  readonly revisions: readonly Revision[]
}

/** Connects to the practice platform. @throws Unmeasured where it does not run */
export async function openPractice(): Promise<Practice> {
  try {
    const { versions } = readVersions(env)
    const { kubectl } = await connectCluster(env, versions)
    const { revisions } = await readRecords(kubectl)
    return { words: kubectl.words, program: (await findKubectl(versions)).words, revisions }
  } catch (thrown) {
    throw thrown instanceof KitError ? new Unmeasured(thrown.message) : thrown
  }
}
