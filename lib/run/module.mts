import type { Sensitive } from '../base/sensitive.mts'
import type { Check } from '../checks/checks.mts'
import type { Drill } from '../checks/drills.mts'
import type { Declares, Setting, Settings } from '../settings/settings.mts'
import type { RecordedSettings } from '../settings/recorded.mts'
import type { Teardown } from '../hosts/teardown.mts'
import type { KnownFailure } from '../kube/rollout/failure.mts'
import type { Warning } from '../backends/backends.mts'
import type { BackendNeeds } from '../backends/needs.mts'
import type { Database } from '../backends/postgres-facts.mts'
import type { Flow } from '../kube/manifests/policies.mts'
import type { Manifest } from '../kube/types.mts'
import type { Versions } from '../settings/versions.mts'

/**
 * A module, as data. Its functions are pure; `lib/` has no case for a module by name. Functions of settings are
 * declared as methods, so that a module can narrow the type of its settings.
 */
export interface Module extends Declares {
  /** `cluster`: one for all environments of a cluster. `environment`: one each. */
  readonly scope: 'cluster' | 'environment'
  /** Works on the hosts of servers.tsv, and may therefore begin before there is a cluster. */
  readonly machines?: MachineWork
  /**
   * Kinds of its objects in addition to those of every module (prunableKinds), as kubectl names them: `roles.rbac...`.
   * They are read, pruned and uninstalled with the others. The cluster may lack one until the module has defined it.
   */
  readonly moreKinds?: readonly string[]
  /** Names in versions.json that this module installs. */
  readonly images: readonly string[]
  /** Those of `images` that are not installed with these settings: they are in no revision and no report. */
  unusedImages?(settings: Settings): readonly string[]
  /**
   * Those of `images` that nodes bring with Kubernetes: a step takes the reference the nodes have (useImage), and
   * versions.json says only what to take where nothing is known of them.
   */
  readonly imagesOfNodes?: readonly string[]
  /** These images are the operator's own: no public registry has them. */
  readonly builtByOperator?: true
  /**
   * The objects of each step by its id (`01_deploy`), in the order they are applied: all that depend on the parameters
   * alone. A step applies every one of them, and may add objects that depend on the state of the cluster.
   * @param images image references by their name in versions.json
   */
  objects(
    settings: Settings,
    images: Readonly<Record<string, string>>,
    versions: Versions,
  ): Readonly<Record<string, readonly Manifest[]>>
  /**
   * Every TCP connection its pods open or receive. Where the cluster enforces NetworkPolicies, everything else but DNS
   * is refused. A module without flows gets no policies: its namespace stays open.
   */
  flows?(settings: Settings): readonly Flow[]
  /**
   * The secret values that its pods read, and those from which lost settings are restored, by key: the data of its
   * Secrets. A module that declares them has the settings of settings/platform-vault.mts.
   */
  secrets?(settings: Settings): Readonly<Record<string, Sensitive | undefined>>
  /** Its volumes whose size a setting says: a smaller one is refused before it is saved. */
  volumes?(settings: Settings): readonly SizedVolume[]
  /** The backends it uses outside the cluster. */
  backends?(settings: Settings): BackendNeeds
  /** What its pods send unencrypted to other addresses than the backends: a warning of every report. */
  inClear?(settings: Settings): readonly Warning[]
  /** True when a module that was installed with these settings needs this one: it is then not uninstalled before it. */
  isNeededBy?(made: RecordedSettings): boolean
  /**
   * What lowers the request or the number of pods of one of its workloads, as an order to the operator; undefined when
   * no setting does.
   * @param workload `embedder`
   */
  sizedBy?(settings: Settings, workload: string): string | undefined
  /**
   * Keys of settings that decide what its steps install and its checks ask: a rollback goes only to a revision that was
   * made with today's.
   */
  readonly sameInRollback?: readonly string[]
  /** Known failures of its containers, by their last log lines. */
  failures?(settings: Settings): readonly KnownFailure[]
  /** What no check of this module proves, one line each, in every report. */
  notProven?(settings: Settings): readonly string[]
  /** The database whose schema this application migrates by itself when a newer image starts. */
  schema?(settings: Settings): Schema | undefined
  /** Objects that its pods make in the cluster by themselves: an uninstall deletes them, after all others. */
  readonly madeByPods?: readonly MadeObject[]
  /** What an uninstall keeps, one line each: databases, data. */
  stays?(settings: Settings): readonly string[]
  /** Objects that a plan without a cluster cannot show, one line each, with the reason. */
  notShown?(settings: Settings): readonly string[]
  /** Lines of the information screen after an install: label and text. */
  information?(settings: Settings): readonly (readonly [label: string, text: string])[]
}

/** An object by its name. */
export interface MadeObject {
  /** As kubectl names it: `secrets`. */
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** How a module that works on machines is removed from them. */
export interface MachineWork {
  /** Imports its teardown, for an uninstall only. */
  readonly teardown: () => Promise<Teardown>
  /** What remains on a host that was removed from the cluster, one line each. */
  readonly staysOnHost: (settings: Settings) => readonly string[]
}

/** The query for a schema's last migration, and the commands that save and restore the database, one line each. */
export interface Schema {
  readonly database: Database
  /** SQL that returns one text: the name of the last migration. */
  readonly lastMigration: string
  readonly backup: readonly string[]
  readonly restore: readonly string[]
  /** The file that `backup` writes, from the kit's folder: an upgrade requires it. Without it an upgrade only asks. */
  readonly dump?: string
}

/** A volume with the size that a setting says. */
export interface SizedVolume {
  readonly namespace: string
  /** The name of its PersistentVolumeClaim. */
  readonly claim: string
  /** The key of that setting. */
  readonly setting: string
  /** The size it says, as a Kubernetes quantity: `10Gi`. */
  readonly size: string
  /** How that setting says a size in GiB: `10Gi`, or `10`. */
  readonly textOf: (gib: number) => string
  /** The way out for who can do without its data. */
  readonly otherwise?: string
}

/** Declares a module; keys stay literal, so that settings are typed by name. */
export const defineModule = <const M extends Module>(module: M): M => module

/** The settings record of one module, typed by its own declarations. */
export type SettingsOf<M extends Pick<Module, 'shared' | 'settings'>> = RecordOf<
  M['shared'][number] | M['settings'][number]
> &
  Settings

type RecordOf<S extends Setting> = {
  readonly [One in S as One['key']]: One extends { optional: true } ? Value<One> | undefined : Value<One>
}

type Value<S extends Setting> = S['kind'] extends 'number'
  ? number
  : S['kind'] extends 'flag'
    ? boolean
    : S['kind'] extends 'sensitive' | 'file'
      ? Sensitive
      : S extends { choices: readonly (infer Choice)[] }
        ? Choice
        : string

/** The checks of one module, typed by its settings. */
export type ChecksOf<M extends Module> = readonly Check<SettingsOf<M>>[]

/** The drills of one module, typed by its settings. */
export type DrillsOf<M extends Module> = readonly Drill<SettingsOf<M>>[]
