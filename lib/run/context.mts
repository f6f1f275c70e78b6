import type { Hosts } from '../hosts/hosts.mts'
import type { Kube } from '../kube/apply/kube.mts'
import type { Fetched } from '../kube/save-kubeconfig.mts'
import type { ChecksOf, DrillsOf, Module, SettingsOf } from './module.mts'
import type { Until } from '../base/poll.mts'
import type { Writes } from '../base/writes.mts'
import type { RawValues } from '../settings/settings.mts'
import type { Versions } from '../settings/versions.mts'

/** The context of a module's steps: with hosts for a module that works on machines. */
export type ContextOf<M extends Module> = M extends { readonly machines: object }
  ? MachineContext<M>
  : StepContext<M>

/** The context of every step. Readers always act; writers only record under --plan. */
export interface StepContext<M extends Module> {
  /** The module's settings, typed. @throws KitError exit 2 listing what is missing */
  readonly settings: SettingsOf<M>
  /** Image references by their name in versions.json: those installed, or newer ones under --upgrade. */
  readonly images: Readonly<Record<M['images'][number], string>>
  readonly credentials: Credentials
  readonly kube: Kube
  readonly backends: OwnBackends
  readonly pulls: Pulls
  readonly secrets: OwnSecrets
  /** The gate of this run, for what a module changes outside the cluster. */
  readonly writes: Writes
  /** Polls a condition until it holds. @throws KitError exit 9 when it does not hold in time */
  readonly until: Until
  readonly tests: Tests<M>
}

/** The additional context of a step of a module that works on machines. */
export interface MachineContext<M extends Module> extends StepContext<M> {
  /**
   * The hosts of the cluster, connected at the first call.
   * @throws KitError exit 2, 3, 6 to 9, 11, 12, 130 or 143, see openHosts
   */
  readonly hosts: () => Promise<Hosts>
  readonly cluster: ClusterOfRun
  readonly versions: Versions
  /** Installs this reference of an image of `imagesOfNodes`, for the rest of the run and in its revision. */
  readonly useImage: (name: M['images'][number], reference: string) => void
}

/** The module's settings as a whole. */
export interface Credentials {
  /**
   * Completes the settings and saves them: given, saved, adopted from the cluster, generated, typed. Before typed
   * answers are saved, the backends of the module are tried with them; the operator decides about a refusal.
   * @throws KitError exit 2 for a missing or invalid value or without the name of a protected environment; exit 5 when
   *   a saved secret is not the live one, or settings of the last revision are lost; exit 3 or 5 to 9 from kubectl;
   *   exit 11 when another run has the lock; exit 12 when they cannot be saved; exit 130 or 143 at a question
   */
  ensure(): Promise<void>
  /**
   * Saves values that a step found on hosts, or generated, for optional settings without a value.
   * @param found text by setting key
   * @throws KitError exit 2 when the environment is protected and its name is not given, exit 11 when another run has
   *   the lock, exit 12 when they cannot be saved
   */
  readonly keep: (found: RawValues) => Promise<void>
}

/** The images a module installs. */
export interface Pulls {
  /**
   * Requires that nodes can pull all of them, see provePulls.
   * @param more images that the operator's own settings name
   * @throws KitError exit 2 for a placeholder; exit 3 or 8 for an image that cannot be pulled; exit 3 without a cluster
   */
  require(more?: readonly string[]): Promise<void>
}

/** The backends a module declares. */
export interface OwnBackends {
  /**
   * Checks all of them, then makes them usable: none is written to while another one may refuse. A run that is going to
   * change an object also tests from the nodes whether pods can connect to them.
   * @throws KitError exit 2 for settings; exit 3, 5, 6, 7, 8, 9 or 11, see requireBackends and requireFromNodes
   */
  require(): Promise<void>
}

/**
 * Where the module's pods get their secret values: from Secrets, or from Vault (SECRETS). What the way from one to the
 * other leaves behind goes at the end of the run, see finishSecrets.
 */
export interface OwnSecrets {
  /**
   * Before anything is written to the cluster. With Vault: the injector is there, and Vault has our values, a role and a
   * policy. Without: when pods ran with values of Vault, ours are the same.
   * @throws KitError exit 2, 3 or 5 to 9, see requireInjector, requireKept and requireSameAsRan; what the gate throws
   */
  require(): Promise<void>
}

export interface Tests<M extends Module> {
  /**
   * Runs every check, with --drill also the drills, and writes the report. Does nothing under --plan.
   * @param checks imports the module's checks
   * @param drills imports the module's drills
   * @throws KitError exit 10 when one fails, exit 11 when another run has the lock, exit 12 when the report cannot be
   *   written, exit 3 without a cluster, exit 3 or 5 to 9 from kubectl, exit 130 or 143 on a signal
   */
  run(
    checks: () => Promise<{ readonly checks: ChecksOf<M> }>,
    drills: () => Promise<{ readonly drills: DrillsOf<M> }>,
  ): Promise<void>
}

/** The cluster, for a step that creates it. */
export interface ClusterOfRun {
  /** True when the kit has installed or adopted a cluster for this environment: it never creates a second one. */
  readonly known: boolean
  /**
   * True when the newest validation of the module passed every check, this run has found nothing to change so far, and
   * it validates the module again at its end: what a step would measure there is measured then.
   */
  readonly isProven: () => boolean
  /**
   * Saves the kubeconfig unless the saved one is equivalent.
   * @throws KitError exit 2 when a kubeconfig is damaged, exit 5 when it is another cluster's, exit 6 when no name in
   *   it answers, exit 12 when the file cannot be written
   */
  keepKubeconfig(fetched: Fetched): Promise<void>
  /**
   * Opens the cluster for the rest of the run, once its API server answers.
   * @throws KitError exit 2, 3, 5 to 9 or 11, see openCluster and putBackDrills
   */
  connect(): Promise<void>
}
