import { onlyLooks, type Arguments } from './request.mts'
import type { BackendOpener, Backends } from '../backends/backends.mts'
import { hasKubeconfig } from '../kube/cluster.mts'
import { confirmProtected, type Answers } from '../base/confirm.mts'
import { NotYet } from '../base/errors.mts'
import { openCluster, putBackDrills, type OpenedCluster } from './opened-cluster.mts'
import { openInputs, type Inputs } from './inputs.mts'
import { lazily } from '../base/lazy.mts'
import { createMachines, noCluster, whyNoCluster, openFor, type Machines } from './machines.mts'
import { say } from '../base/log.mts'
import { folderOf, headingOf } from '../base/names.mts'
import type { Module, SettingsOf } from './module.mts'
import { interactive } from '../base/terminal.mts'
import { chooseImages, readVersions, type Chosen, type Versions } from '../settings/versions.mts'
import { createWrites, type Writes } from '../base/writes.mts'

/** One run of one module: what its steps work with, and what is kept around them. */
export interface Session<M extends Module> {
  readonly module: M
  readonly env: string
  readonly options: Arguments
  readonly answers: Answers
  readonly inputs: Inputs<M>
  readonly versions: Versions
  /** Entries of versions.json that are this environment's own. */
  readonly ownVersions: readonly string[]
  /** Images this run installs, and newer ones it leaves alone. */
  readonly chosen: () => Chosen
  /** Writes of this run's revision: the first of them begins it. */
  readonly writes: Writes
  /** Writes that belong to no revision: what a drill breaks and puts back. */
  readonly repairs: Writes
  /** Wants the name of a protected environment, once a run. @throws KitError exit 2 */
  readonly permit: () => Promise<void>
  /** The cluster; undefined while there is none yet. */
  readonly opened: OpenedCluster | undefined
  /** The cluster, for what cannot be done without one. @throws KitError exit 3; NotYet under --plan */
  readonly requireOpened: () => OpenedCluster
  /** The backends of these settings, or of the run's own. */
  readonly backends: (settings?: SettingsOf<M>) => Backends
  /** What the backends said to the operator, and how whoever looks for a run speaks to the operator. */
  readonly reporter: Pick<BackendOpener, 'reporter' | 'warnings'>
  readonly machines: () => Machines
  /** Goes on without the cluster, which is about to end: its lock is given back. */
  leaveCluster(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a run: inputs, cluster, gate, lock. Nothing of the module is written before a step writes.
 * @param withoutCluster step 00 alone may run before there is a cluster: questions first, machines later
 * @throws KitError exit 2, 3, 5, 6, 7, 8 or 11 when the run must not begin
 */
export async function openSession<M extends Module>(
  module: M,
  env: string,
  options: Arguments,
  { withoutCluster }: { withoutCluster: boolean },
): Promise<Session<M>> {
  const inputs = await openInputs(module, env, options)
  const { versions, overlaid: ownVersions } = readVersions(env)
  const answers: Answers = {
    confirm: options.confirm,
    yes: options.yes,
    canAsk: interactive(options.noInput),
  }
  const permit = lazily(() => confirmProtected(env, inputs, answers))
  let opened: OpenedCluster | undefined
  const chosen = lazily(() =>
    chooseImages(module.images, versions, opened?.revisions.images ?? {}, options.upgrade),
  )
  const images = (): Chosen['images'] => chosen().images

  const { writes, repairs } = createGates(options, permit, () => opened)
  /** @throws KitError what openCluster throws; its lock is not kept then */
  async function open(): Promise<OpenedCluster> {
    const made = await openCluster({ module, env, options, permit, versions, images, writes })
    opened = made
    try {
      if (!writes.planning) await putBackDrills(made, repairs)
      return made
    } catch (thrown) {
      await leaveCluster()
      throw thrown
    }
  }
  async function leaveCluster(): Promise<void> {
    await opened?.lock.release()
    opened = undefined
  }
  const opening = withoutCluster && !hasKubeconfig(env) ? undefined : openFor(module, env, options, open)
  // The clients of PostgreSQL and Redis take a third of a second to load: just as long as the cluster's first answers.
  const [{ createBackendOpener }, found] = await Promise.all([import('../backends/backends.mts'), opening])
  if (found === undefined) say(`KeyBuzz ${headingOf(module)}   ${env}   ${whyNoCluster(env)}`)
  const opener = createBackendOpener(writes, {
    cluster: found?.cluster.caHash ?? '',
    owner: `${env}/${folderOf(module)}`,
  })
  const ownBackends = lazily(() => opener.open(inputs.current()))
  let connected: Machines | undefined
  const connect = async () => void (opened === undefined && !writes.planning && (await open()))

  return {
    module,
    env,
    options,
    answers,
    inputs,
    versions,
    ownVersions,
    chosen,
    writes,
    repairs,
    permit,
    get opened() {
      return opened
    },
    requireOpened() {
      if (opened !== undefined) return opened
      throw onlyLooks(options) ? new NotYet('the cluster is made') : noCluster()
    },
    backends: (settings) => (settings === undefined ? ownBackends() : opener.open(settings)),
    reporter: opener,
    machines: () =>
      (connected ??= createMachines(
        {
          env,
          settings: () => inputs.current(),
          answers,
          // What a drill does to a host belongs to no revision.
          writes: options.verb === 'drill' ? repairs : writes,
          options,
        },
        connect,
      )),
    leaveCluster,
    async close() {
      await opener.close()
      await leaveCluster()
      await connected?.close()
    },
  }
}

/** What a write belongs to: to this run's revision, which the first of them begins, or to none. */
type WriteKind = 'revision' | 'repair'

/**
 * The gates of a run's writes. Before there is a cluster a write wants the environment's name alone; on a cluster it
 * wants the lock too.
 */
function createGates(
  options: Arguments,
  permit: () => Promise<void>,
  cluster: () => OpenedCluster | undefined,
): Readonly<Record<'writes' | 'repairs', Writes>> {
  async function mayWrite(kind: WriteKind): Promise<void> {
    const opened = cluster()
    if (opened === undefined) return permit()
    await opened.mayWrite()
    if (kind === 'revision') await opened.revisions.begin()
  }
  const gateOf = (kind: WriteKind): Writes =>
    createWrites({ planning: onlyLooks(options), guard: () => mayWrite(kind) })
  // Taking a host out of the cluster changes no object of the module: no revision begins with it.
  const takesHosts = options.verb === 'uninstall' && options.limit !== undefined
  return { writes: gateOf(takesHosts ? 'repair' : 'revision'), repairs: gateOf('repair') }
}
