import { createWrites, type Writes } from '../base/writes.mts'
import type { OpenedCluster } from './opened-cluster.mts'
import { onlyLooks, type Arguments } from './request.mts'

/** `revision`: a write of this run's revision, the first of which begins it. `repair`: a write of no revision. */
type WriteKind = 'revision' | 'repair'

/** The gates of a run's writes, see Session. */
export interface Gates {
  readonly writes: Writes
  readonly repairs: Writes
  /** The gate of writes to hosts. */
  readonly onHosts: Writes
}

/**
 * Makes the gates of a run's writes. Each requires the confirmation of a protected environment; on a cluster the lock
 * too.
 */
export function createGates(
  options: Arguments,
  permit: () => Promise<void>,
  cluster: () => OpenedCluster | undefined,
): Gates {
  async function mayWrite(kind: WriteKind): Promise<void> {
    const opened = cluster()
    if (opened === undefined) return permit()
    await opened.mayWrite()
    if (kind !== 'revision') return
    if (options.verb !== 'uninstall') await opened.checksumKey.save()
    await opened.revisions.begin()
  }
  const gateOf = (kind: WriteKind): Writes =>
    createWrites({ planning: onlyLooks(options), guard: () => mayWrite(kind) })
  // Removing a host from the cluster changes no object of the module: it begins no revision.
  const takesHosts = options.verb === 'uninstall' && options.limit !== undefined
  const writes = gateOf(takesHosts ? 'repair' : 'revision')
  const repairs = gateOf('repair')
  // What a drill or an uninstall changes on a host belongs to no revision; a plan shows it with all else.
  const isInstall = !['drill', 'uninstall'].includes(options.verb)
  return { writes, repairs, onHosts: isInstall || writes.planning ? writes : repairs }
}
