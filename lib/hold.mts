import { sendObjects } from './kube-objects.mts'
import { exitCodes, KitError } from './errors.mts'
import type { Kubectl } from './kubectl.mts'
import { takeLock, type Lock, type LockOptions } from './lock.mts'
import { systemNamespace } from './names.mts'
import { namespace } from './objects.mts'

/** A run's hold on its cluster. The lock is taken when it is first needed: a run with nothing to do needs none. */
export interface Hold {
  /**
   * Takes the lock before anything is relied on: what was read may be read again.
   * @returns true when it must be: another run had the lock in between
   * @throws KitError exit 11 when another run is alive
   */
  takeFirst(): Promise<boolean>
  /**
   * Takes the lock, unless this run has it: what was read stays true from now on.
   * @throws KitError exit 11 when another run has it, or had it since this one looked
   */
  take(): Promise<void>
  /** Before every write. @throws KitError exit 11 as `take`, or when another run has taken the lock over */
  require(): Promise<void>
  /** Lets the next run begin. Never throws. */
  release(): Promise<void>
}

export interface HoldOptions extends LockOptions {
  /** The kit's own namespace is there. */
  readonly hasNamespace: boolean
}

/** @param options with the lease as it was before everything else was read: so nobody who wrote goes unnoticed */
export function createHold(options: HoldOptions): Hold {
  let taking: Promise<Lock> | undefined
  let readAgain = false
  /** One for all that need it at once; asked for again after an API server that was away. */
  const lock = () =>
    (taking ??= makeLock(options).catch((thrown: unknown) => {
      taking = undefined
      throw thrown
    }))
  const take = async (): Promise<Lock> => {
    const taken = await lock()
    if (taken.waited && !readAgain) throw overtaken()
    return taken
  }
  return {
    async takeFirst() {
      const { waited } = await lock()
      readAgain = waited
      return waited
    },
    take: async () => void (await take()),
    require: async () => (await take()).require(),
    release: async () => (await taking?.catch(() => undefined))?.release(),
  }
}

async function makeLock({ hasNamespace, ...options }: HoldOptions): Promise<Lock> {
  if (!hasNamespace) await makeNamespace(options.kubectl)
  return takeLock(options)
}

const makeNamespace = async (kubectl: Kubectl): Promise<void> =>
  void (await sendObjects(kubectl, [namespace(systemNamespace)], { dryRun: false }))

const overtaken = (): KitError =>
  new KitError('another run has worked on this cluster since this one looked at it', {
    exitCode: exitCodes.locked,
    details: ['What this run had read may be old. Nothing was written.'],
    hint: 'run the same command again',
  })
