import type { Arguments } from './request.mts'
import type { Backends } from '../backends/backends.mts'
import type { Context } from './context.mts'
import { createBreaking } from '../checks/drills.mts'
import type { Ground } from './opened-cluster.mts'
import { createHttp } from '../checks/http.mts'
import { createImageProof } from '../backends/image-proof.mts'
import type { Inputs } from './inputs.mts'
import { liveSecrets } from './live-secrets.mts'
import type { Machines } from './machines.mts'
import type { Module, SettingsOf } from './module.mts'
import type { RegistrySettings } from '../kube/manifests/pull-secret.mts'
import type { Tools } from '../checks/checks.mts'
import { createKubeReader } from '../kube/reader.mts'
import { runTests, type ReportFacts } from '../checks/tests.mts'
import { createUntil } from '../base/poll.mts'
import type { Voice } from '../base/log.mts'
import type { Versions } from '../settings/versions.mts'
import type { Writes } from '../base/writes.mts'

/** What a run has, for its steps to work with. */
export interface Parts<M extends Module> {
  readonly module: M
  readonly given: Arguments
  readonly inputs: Inputs<M>
  readonly versions: Versions
  readonly images: () => Readonly<Record<string, string>>
  readonly ground: () => Ground | undefined
  readonly requireGround: () => Ground
  /** The backends of these settings, or of the run's own. */
  readonly backends: (settings?: SettingsOf<M>) => Backends
  readonly machines: () => Machines
  readonly voice: Voice
  readonly writes: Writes
  readonly facts: () => ReportFacts
  /** Wants the name of a protected environment, once a run. @throws KitError exit 2 */
  readonly permit: () => Promise<void>
}

/** The context of a run's steps: everything is opened at its first use. */
export function createContext<M extends Module>(parts: Parts<M>): Context<M> {
  const {
    module,
    given,
    inputs,
    versions,
    images,
    ground,
    requireGround,
    backends,
    machines,
    voice,
    writes,
    facts,
    permit,
  } = parts
  /** Comes before a settings file is changed. */
  const hold = async () => {
    await permit()
    await ground()?.hold.take()
  }
  const context: Context<M> = {
    get settings() {
      return inputs.current()
    },
    get images() {
      return images() as Context<M>['images']
    },
    get kube() {
      return requireGround().kube.kube
    },
    versions,
    until: createUntil(writes.planning),
    pulls: createImageProof({
      kube: () => context.kube,
      settings: () => inputs.current() as RegistrySettings,
      voice,
    }),
    hosts: () => machines().hosts(),
    get cluster() {
      return machines().cluster
    },
    get postgres() {
      return backends().postgres
    },
    get redis() {
      return backends().redis
    },
    get rabbitmq() {
      return backends().rabbitmq
    },
    get s3() {
      return backends().s3
    },
    get http() {
      return createHttp(inputs.current())
    },
    credentials: {
      async ensure(tryOut) {
        const found = ground()
        const live = found && liveSecrets(await found.kube.objects(), found.look.namespaces)
        await inputs.ensure(live ?? {}, hold, tryOut && ((settings) => tryOut(settings, backends(settings))))
      },
      keep: (found) => inputs.keep(found, hold),
    },
    tests: {
      async run(loadChecks, loadDrills) {
        if (writes.planning) return
        const held = requireGround()
        // Nobody changes what is being judged.
        const [{ checks }, { drills }] = await Promise.all([loadChecks(), loadDrills(), held.hold.take()])
        await runTests(module, {
          checks,
          drills,
          tools: readersOf(held, context, inputs.current()),
          breaking:
            given.verb === 'drill' ? createBreaking({ ...held, kubectl: held.cluster.kubectl }) : undefined,
          keep: (found) => held.revisions.tested(found),
          facts,
        })
      },
    },
  }
  return context
}

/** What checks get: nothing they could write with. Backends are logged in to at the first question. */
export const readersOf = <M extends Module>(
  { cluster }: Pick<Ground, 'cluster'>,
  context: Pick<Context<M>, 'http' | 'postgres' | 'redis' | 's3'>,
  settings: SettingsOf<M>,
): Tools<SettingsOf<M>> => ({
  settings,
  kube: createKubeReader(cluster.kubectl),
  http: context.http,
  postgres: {
    majorVersion: () => context.postgres.majorVersion(),
    findText: (database, query) => context.postgres.findText(database, query),
  },
  redis: { evictionPolicy: () => context.redis.evictionPolicy() },
  s3: { roundTrip: (bucket) => context.s3.roundTrip(bucket) },
})
