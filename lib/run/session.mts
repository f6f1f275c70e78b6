import { onlyLooks, type Arguments } from './request.mts'
import type { BackendOpener, Backends } from '../backends/backends.mts'
import { hasKubeconfig } from '../kube/cluster.mts'
import { confirmProtected, type Answers } from '../base/confirm.mts'
import { NotYet } from '../base/errors.mts'
import { openCluster, putBackDrills, type OpenedCluster } from './opened-cluster.mts'
import { openInputs, type Inputs } from './inputs.mts'
import { failuresOf } from './by-settings.mts'
import { createImageChoice, type ImageChoice } from './image-choice.mts'
import { lazily } from '../base/lazy.mts'
import { createMachines, noCluster, whyNoCluster, openFor, type Machines } from './machines.mts'
import { say } from '../base/log.mts'
import { headingOf, namesOf } from '../base/names.mts'
import type { Module, SettingsOf } from './module.mts'
import { choosePolicies, type PolicyChoice } from './policies.mts'
import { isProven } from './proven.mts'
import { interactive } from '../base/terminal.mts'
import { readVersions, type Versions } from '../settings/versions.mts'
import type { Writes } from '../base/writes.mts'
import { createGates } from './write-gates.mts'
import type { Fingerprint } from '../state/kept-keys.mts'

/** One run of one module: its inputs, cluster, backends and hosts. */
export interface Session<M extends Module> extends ImageChoice {
  readonly module: M
  readonly env: string
  readonly options: Arguments
  readonly answers: Answers
  readonly inputs: Inputs<M>
  readonly versions: Versions
  /** Entries of versions.json that are this environment's own. */
  readonly ownVersions: readonly string[]
  /** The gate of writes that belong to this run's revision: the first of them begins it. */
  readonly writes: Writes
  /** The gate of writes that belong to no revision: faults of a drill, and their undo. */
  readonly repairs: Writes
  /**
   * Asks for the name of a protected environment, once per run.
   * @throws KitError exit 2, 130 or 143, see confirmName
   */
  readonly permit: () => Promise<void>
  /** The cluster; undefined while there is none yet. */
  readonly opened: OpenedCluster | undefined
  /** The cluster. @throws KitError exit 3 while there is none; NotYet under --plan and --status */
  readonly requireOpened: () => OpenedCluster
  /** Whether the module's NetworkPolicies are applied. @throws KitError exit 2 listing settings that are missing */
  readonly policies: () => PolicyChoice
  /** The backends of these settings, by default of the run's own. @throws KitError exit 2 when these are incomplete */
  readonly backends: (settings?: SettingsOf<M>) => Backends
  /** The warnings of this run, and the reporter that adds to them. */
  readonly reporter: Pick<BackendOpener, 'reporter' | 'warnings'>
  /** The hosts of a module that works on machines. @throws KitError exit 2, see createMachines */
  readonly machines: () => Machines
  /** Releases the lock and continues without the cluster, before it is uninstalled. Never throws. */
  leaveCluster(): Promise<void>
  /** Closes the connections to backends and hosts, and releases the lock. */
  close(): Promise<void>
}

/**
 * Opens a run: inputs, cluster, gate, lock. Nothing of the module is written before a step writes.
 * @param entry.withoutCluster true for step 00 alone, which may run before there is a cluster
 * @param entry.validates true for a run whose last step are the module's tests
 * @throws KitError exit 2 for settings or versions.json; exit 2, 3, 5 to 9, 11, 12, 130 or 143, see openCluster and
 *   putBackDrills
 */
export async function openSession<M extends Module>(
  module: M,
  env: string,
  options: Arguments,
  { withoutCluster, validates }: { withoutCluster: boolean; validates: boolean },
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
  const { chosen, useImage } = createImageChoice(
    { module, inputs, versions, upgrade: options.upgrade },
    () => opened?.revisions.images ?? {},
  )

  const { writes, repairs, onHosts } = createGates(options, permit, () => opened)
  /** @throws KitError as openCluster and putBackDrills; the lock is released then */
  async function open(): Promise<OpenedCluster> {
    const settings = (fingerprint: Fingerprint) => inputs.record(fingerprint)
    const failures = () => failuresOf(module, inputs)
    const made = await openCluster({
      module,
      env,
      options,
      permit,
      versions,
      images: () => chosen().images,
      settings,
      failures,
      writes,
    })
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
  // The clients of PostgreSQL and Redis take 0.3 s to load: as long as the first responses of the cluster.
  const [{ createBackendOpener }, found] = await Promise.all([import('../backends/backends.mts'), opening])
  if (found === undefined) say(`KeyBuzz ${headingOf(module)}   ${env}   ${whyNoCluster(env)}`)
  const opener = createBackendOpener(writes, {
    cluster: found?.cluster.caHash ?? '',
    owner: namesOf(module).owner(env),
  })
  const openBackends = (values: SettingsOf<M>) => opener.open(values, module.inClear?.(values))
  const ownBackends = lazily(() => openBackends(inputs.current()))
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
    useImage,
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
    policies: () =>
      opened === undefined
        ? { off: 'there is no cluster yet' }
        : choosePolicies(module, inputs.current(), opened.network),
    backends: (settings) => (settings === undefined ? ownBackends() : openBackends(settings)),
    reporter: opener,
    machines: () =>
      (connected ??= createMachines(
        {
          env,
          settings: () => inputs.current(),
          answers,
          writes: onHosts,
          options,
        },
        { connect, isProven: () => validates && isProven({ opened, writes }) },
      )),
    leaveCluster,
    async close() {
      try {
        await opener.close()
      } finally {
        await leaveCluster()
        await connected?.close()
      }
    },
  }
}
