import type { Check } from '../checks/checks.mts'
import type { Drill } from '../checks/drills.mts'
import type { Declares, Setting, Settings } from '../settings/settings.mts'
import type { Teardown } from '../hosts/take-down.mts'
import type { KnownFailure } from '../kube/rollout/failure.mts'
import type { BackendNeeds } from '../backends/needs.mts'
import type { Database } from '../backends/postgres-facts.mts'
import type { Manifest } from '../kube/types.mts'
import type { Versions } from '../settings/versions.mts'

/**
 * What a module is, as data. Nothing in here acts; `lib/` reads it and never asks for a module by name. Functions of
 * settings are declared as methods, so that a module may name the type of its own settings.
 */
export interface Module extends Declares {
  /** `cluster`: one for all environments of a cluster. `environment`: one each. */
  readonly scope: 'cluster' | 'environment'
  /** Works on the hosts of servers.tsv, and may therefore begin before there is a cluster. */
  readonly machines?: MachineWork
  /** Names in versions.json that this module installs. */
  readonly images: readonly string[]
  /** These images are the operator's own: no public registry has them. */
  readonly builtByOperator?: true
  /**
   * The objects of each step, by its id, in the order they are applied: all that depends on these alone. A step applies
   * every one of them, and may add what depends on an answer of the cluster.
   */
  objects(
    settings: Settings,
    images: Readonly<Record<string, string>>,
    versions: Versions,
  ): Readonly<Record<string, readonly Manifest[]>>
  /** What it uses outside the cluster. */
  backends?(settings: Settings): BackendNeeds
  /** What the last lines of a failing container mean, in this application's own words. */
  readonly failures?: readonly KnownFailure[]
  /** What no check of this module looks at, said in every report. */
  notProven?(settings: Settings): readonly string[]
  /** The database whose schema this application moves by itself when a newer image starts. */
  schema?(settings: Settings): Schema | undefined
  /** What an uninstall leaves where it is: databases, data. */
  stays?(settings: Settings): readonly string[]
  /** Lines of the information screen after an install: label and text. */
  information?(settings: Settings): readonly (readonly [label: string, text: string])[]
}

/** What a module that works on machines says of leaving them. */
export interface MachineWork {
  /** How it is taken off them again, loaded by who does that. */
  readonly teardown: () => Promise<Teardown>
  /** What a host that was taken out of the cluster keeps. */
  readonly staysOnHost: (settings: Settings) => readonly string[]
}

/** Where a schema stands, and the commands that save the database and bring it back. */
export interface Schema {
  readonly database: Database
  /** SQL that gives one text: the name of the last migration. */
  readonly lastMigration: string
  readonly backup: readonly string[]
  readonly restore: readonly string[]
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
      ? import('../base/sensitive.mts').Sensitive
      : S extends { choices: readonly (infer Choice)[] }
        ? Choice
        : string

/** The checks of one module, typed by its settings. */
export type ChecksOf<M extends Module> = readonly Check<SettingsOf<M>>[]

/** The drills of one module, typed by its settings. */
export type DrillsOf<M extends Module> = readonly Drill<SettingsOf<M>>[]
