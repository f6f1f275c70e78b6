import { onlyLooks, type Arguments } from './request.mts'
import { hasKubeconfig } from '../kube/cluster.mts'
import { confirmProtected, type Answers } from '../base/confirm.mts'
import type { Context } from './context.mts'
import { NotYet } from '../base/errors.mts'
import { openGround, type Ground } from './opened-cluster.mts'
import { openInputs, type Inputs } from './inputs.mts'
import { lazily } from '../base/lazy.mts'
import { createMachines, noCluster, whyNoCluster, openFor, type Machines } from './machines.mts'
import { say } from '../base/log.mts'
import { folderOf, headingOf } from '../base/names.mts'
import type { Module } from './module.mts'
import { interactive } from '../base/terminal.mts'
import { reportFacts } from './report-facts.mts'
import { createContext } from './create-context.mts'
import type { ReportFacts } from '../checks/tests.mts'
import { chooseImages, readVersions, type Chosen } from '../settings/versions.mts'
import { createWrites, joinWrites, type Writes } from '../base/writes.mts'

/** One run of one module: what its steps work with, and what is kept around them. */
export interface Session<M extends Module> {
  readonly module: M
  readonly env: string
  readonly given: Arguments
  readonly answers: Answers
  readonly inputs: Inputs<M>
  readonly context: Context<M>
  readonly writes: Writes
  /** Which step's objects are applied from now on. */
  readonly enter: (step: string) => void
  /** The cluster; undefined while there is none yet. */
  readonly ground: Ground | undefined
  /** The cluster, for what cannot be done without one. */
  readonly requireGround: () => Ground
  /** Images this run installs, and newer ones it leaves alone. */
  readonly chosen: () => Chosen
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
  given: Arguments,
  { withoutCluster }: { withoutCluster: boolean },
): Promise<Session<M>> {
  const inputs = await openInputs(module, env, given)
  const { versions } = readVersions(env)
  const answers: Answers = { confirm: given.confirm, yes: given.yes, canAsk: interactive(given.noInput) }
  const images = (): Chosen['images'] => chosen().images
  /** Once a run, before its first write, wherever that goes. */
  const permit = lazily(() => confirmProtected(env, inputs, answers))
  const open = () => openGround({ module, env, given, permit, versions, images, ahead: inputs.ahead })
  const opening = withoutCluster && !hasKubeconfig(env) ? undefined : openFor(module, env, given, open)
  // The clients of PostgreSQL and Redis take a third of a second to load: just as long as the cluster's first answers.
  const [{ createBackendOpener }, found] = await Promise.all([import('../backends/backends.mts'), opening])
  let ground = found
  let step = ''
  const chosen: () => Chosen = lazily(() =>
    chooseImages(module.images, versions, ground?.revisions.images ?? {}, given.upgrade),
  )
  if (ground === undefined) say(`KeyBuzz ${headingOf(module)}   ${env}   ${whyNoCluster(env)}`)
  // Taking a host out of the cluster changes no object of the module: no revision begins with it.
  const ofGround = () => (given.verb === 'uninstall' && given.limit ? ground?.repairs : ground?.writes)
  const writes = joinWrites(createWrites({ planning: onlyLooks(given), guard: permit }), ofGround)
  const opener = createBackendOpener(writes, {
    cluster: ground?.cluster.caHash ?? '',
    owner: `${env}/${folderOf(module)}`,
  })
  // What a drill does to a host belongs to no revision.
  const hostWrites = () => (given.verb === 'drill' ? requireGround().repairs : writes)
  let opened: Machines | undefined
  const machines = (): Machines =>
    (opened ??= createMachines(
      { env, settings: () => inputs.current(), answers, writes: hostWrites(), given },
      async () => {
        if (ground !== undefined || writes.planning) return
        ground = await open()
        ground.kube.enter(step)
      },
    ))
  const backends = lazily(() => opener.open(inputs.current()))
  const requireGround = (): Ground => {
    if (ground !== undefined) return ground
    throw onlyLooks(given) ? new NotYet('the cluster is made') : noCluster()
  }

  const leaveCluster = async () => {
    await ground?.hold.release()
    ground = undefined
  }
  const facts = (): ReportFacts => {
    const { warnings } = opener
    return reportFacts({
      module,
      env,
      ground,
      images: images(),
      versions,
      settings: inputs.current(),
      warnings,
    })
  }

  const context = createContext<M>({
    module,
    given,
    inputs,
    versions,
    images,
    ground: () => ground,
    requireGround,
    backends: (settings) => (settings === undefined ? backends() : opener.open(settings)),
    machines,
    voice: opener.voice,
    writes,
    facts,
  })

  return {
    module,
    env,
    given,
    answers,
    inputs,
    context,
    writes,
    enter(entered) {
      step = entered
      ground?.kube.enter(entered)
    },
    get ground() {
      return ground
    },
    requireGround,
    chosen,
    leaveCluster,
    async close() {
      await opener.close()
      await leaveCluster()
      await opened?.close()
    },
  }
}
