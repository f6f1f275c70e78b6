import type { CheckTools } from './checks.mts'
import type { Http } from './http.mts'
import type { Kube } from './kube.mts'
import type { ChecksOf, Module, SettingsOf } from './module.mts'
import type { Postgres } from './postgres.mts'
import type { Redis } from './redis.mts'
import type { Settings } from './settings.mts'

/** What a step works with. Readers always act; writers only record under --plan. */
export interface Context<M extends Module> {
  /** The module's settings, typed. @throws KitError exit 2 listing what is missing */
  readonly settings: SettingsOf<M>
  /** Image references by their name in versions.json: those installed, or newer ones under --upgrade. */
  readonly images: Readonly<Record<M['images'][number], string>>
  readonly credentials: {
    /**
     * Completes the settings and saves them: given, saved, adopted from the cluster, generated, asked.
     * @param tryOut tries the backends with the answers before they are saved
     */
    ensure(tryOut?: (settings: SettingsOf<M>, tools: Backends) => Promise<void>): Promise<void>
  }
  readonly kube: Kube
  readonly postgres: Postgres
  readonly redis: Redis
  readonly http: Http
  readonly tests: {
    /** Asks every check, writes the report. @throws KitError exit 10 when one fails */
    run(checks: ChecksOf<M>): Promise<void>
  }
}

/** Logins made with settings that are not saved yet. */
export interface Backends {
  readonly postgres: Postgres
  readonly redis: Redis
}

/** What checks get from a context. */
export type Tools<S extends Settings> = Omit<CheckTools<S>, 'once'>
