import type { Backends } from '../backends/backends.mts'
import type { Hosts } from '../hosts/hosts.mts'
import type { Http } from '../checks/http.mts'
import type { ImageProof } from '../backends/image-proof.mts'
import type { Kube } from '../kube/apply/kube.mts'
import type { Fetched } from '../kube/save-kubeconfig.mts'
import type { ChecksOf, DrillsOf, Module, SettingsOf } from './module.mts'
import type { Postgres } from '../backends/postgres.mts'
import type { Rabbitmq } from '../backends/rabbitmq.mts'
import type { Redis } from '../backends/redis.mts'
import type { S3 } from '../backends/s3.mts'
import type { Until } from '../base/poll.mts'
import type { Texts } from '../settings/settings.mts'
import type { Versions } from '../settings/versions.mts'

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
    /**
     * Saves values a step found on hosts, or made, for optional settings that have none yet.
     * @param found text by setting key
     * @throws KitError exit 2 when the environment is protected and its name is not given, exit 11, exit 12
     */
    readonly keep: (found: Texts) => Promise<void>
  }
  readonly kube: Kube
  /** The machines of the cluster, entered at the first call. @throws KitError exit 2, 3, 6, 7 or 8 */
  readonly hosts: () => Promise<Hosts>
  readonly cluster: ClusterOfRun
  readonly versions: Versions
  /** Waits for what becomes ready by itself. */
  readonly until: Until
  readonly postgres: Postgres
  readonly redis: Redis
  readonly rabbitmq: Rabbitmq
  readonly s3: S3
  readonly http: Http
  /** Whether nodes can pull images that are the operator's own. */
  readonly pulls: ImageProof
  readonly tests: {
    /**
     * Asks every check, with --drill also runs the drills, writes the report. Both are loaded by a run that asks them.
     * @throws KitError exit 10 when one fails
     */
    run(
      checks: () => Promise<{ readonly checks: ChecksOf<M> }>,
      drills: () => Promise<{ readonly drills: DrillsOf<M> }>,
    ): Promise<void>
  }
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
