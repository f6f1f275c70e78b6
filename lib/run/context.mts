import type { Hosts } from '../hosts/hosts.mts'
import type { Kube } from '../kube/apply/kube.mts'
import type { Fetched } from '../kube/save-kubeconfig.mts'
import type { ChecksOf, DrillsOf, Module, SettingsOf } from './module.mts'
import type { Until } from '../base/poll.mts'
import type { RawValues } from '../settings/settings.mts'
import type { Versions } from '../settings/versions.mts'

/** What a step of a module works with. */
export type ContextOf<M extends Module> = M extends { readonly machines: object }
  ? MachineContext<M>
  : StepContext<M>

/** What every step works with. Readers always act; writers only record under --plan. */
export interface StepContext<M extends Module> {
  /** The module's settings, typed. @throws KitError exit 2 listing what is missing */
  readonly settings: SettingsOf<M>
  /** Image references by their name in versions.json: those installed, or newer ones under --upgrade. */
  readonly images: Readonly<Record<M['images'][number], string>>
  readonly credentials: Credentials
  readonly kube: Kube
  readonly backends: OwnBackends
  readonly pulls: Pulls
  /** Waits for what becomes ready by itself. */
  readonly until: Until
  readonly tests: Tests<M>
}

/** What a step of a module that works on machines has beside that. */
export interface MachineContext<M extends Module> extends StepContext<M> {
  /** The machines of the cluster, connected at the first call. @throws KitError exit 2, 3, 6, 7 or 8 */
  readonly hosts: () => Promise<Hosts>
  readonly cluster: ClusterOfRun
  readonly versions: Versions
}

/** The module's settings as a whole. */
export interface Credentials {
  /**
   * Completes and saves them: given, saved, adopted from the cluster, generated, asked. The module's backends are tried
   * with answers that were typed, before these are saved.
   * @throws KitError exit 2, 5 or 12
   */
  ensure(): Promise<void>
  /**
   * Saves values a step found on hosts, or made, for optional settings that have none yet.
   * @param found text by setting key
   * @throws KitError exit 2 when the environment is protected and its name is not given, exit 11, exit 12
   */
  readonly keep: (found: RawValues) => Promise<void>
}

/** The images a module installs. */
export interface Pulls {
  /**
   * Makes sure that nodes can start all of them.
   * @throws KitError exit 2 for a placeholder; exit 3 or 8 for one that no node has and no registry gives
   */
  require(): Promise<void>
}

/** The backends a module says it needs. */
export interface OwnBackends {
  /** Asks all of them, then makes them usable: none is written to while another one may refuse. @throws KitError */
  require(): Promise<void>
}

export interface Tests<M extends Module> {
  /**
   * Asks every check, with --drill also runs the drills, writes the report. Both are loaded by a run that asks them.
   * @throws KitError exit 10 when one fails
   */
  run(
    checks: () => Promise<{ readonly checks: ChecksOf<M> }>,
    drills: () => Promise<{ readonly drills: DrillsOf<M> }>,
  ): Promise<void>
}

/** What a step that makes the cluster itself does with it. */
export interface ClusterOfRun {
  /** True when the kit has installed or adopted a cluster for this environment: another one is never begun. */
  readonly known: boolean
  /** Saves the kubeconfig unless the saved one is as good. @throws KitError exit 5, 6 or 12 */
  keepKubeconfig(fetched: Fetched): Promise<void>
  /** Goes on with the cluster, once its API answers. @throws KitError exit 5, 6, 7, 8 or 11 */
  connect(): Promise<void>
}
