import type { ContextOf, Credentials, MachineContext, StepContext, Tests } from './context.mts'
import { createBreaking } from '../checks/drills.mts'
import { createHttp, type Http } from '../checks/http.mts'
import { findRivals, refusingRivals } from '../checks/rivals.mts'
import { provePulls } from '../backends/image-proof.mts'
import { lazily } from '../base/lazy.mts'
import { adoptableValues } from './adoptable.mts'
import { fingerprintBy, unprovenKeys } from '../state/kept-keys.mts'
import { recordValidation } from '../state/validation-time.mts'
import { requireKeptSettings } from './lost-settings.mts'
import type { Backends } from '../backends/backends.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import type { Module, SettingsOf } from './module.mts'
import type { RegistrySettings } from '../kube/manifests/pull-secret.mts'
import { applyingPolicies, policiesBySteps } from './policies.mts'
import type { NetworkPolicy } from '../kube/types.mts'
import { titledEndpoints } from '../backends/endpoints.mts'
import { requireFromNodes } from '../backends/from-nodes.mts'
import { failingBackends, requireBackends, tryBackends } from '../backends/needs.mts'
import type { Tools } from '../checks/checks.mts'
import { createKubeReader } from '../kube/reader.mts'
import { reportFacts } from './report-facts.mts'
import { runTests } from '../checks/tests.mts'
import type { Session } from './session.mts'
import type { Step } from './step.mts'
import { requireNoShrinking } from './volumes.mts'
import type { Versions } from '../settings/versions.mts'
import { createUntil } from '../base/poll.mts'
import { keepingLabel } from './out-of-vault.mts'
import { createOwnSecrets } from './own-secrets.mts'

/** The context of one step of a run. Everything in it is opened at its first use. */
export function createContext<M extends Module>(
  session: Session<M>,
  step: Pick<Step<M>, 'id'>,
): ContextOf<M> {
  const { module, inputs, writes, versions } = session
  const policies = () => policiesOf(session, step)
  const kubeOf = lazily(() =>
    keepingLabel(session, applyingPolicies(session.requireOpened().kube.of(step.id), policies)),
  )
  const context: MachineContext<M> = {
    get settings() {
      return inputs.current()
    },
    get images() {
      return session.chosen().images as StepContext<M>['images']
    },
    get kube() {
      return kubeOf()
    },
    versions,
    useImage: session.useImage,
    writes,
    until: createUntil(writes.planning),
    pulls: { require: (more = []) => requirePulls(session, more) },
    backends: {
      require: () =>
        requireBackends(module.backends?.(inputs.current()) ?? {}, session.backends(), () =>
          askNodes(session),
        ),
    },
    secrets: createOwnSecrets(session),
    hosts: () => session.machines().hosts(),
    get cluster() {
      return session.machines().cluster
    },
    credentials: credentialsOf(session),
    tests: testsOf(session),
  }
  return context as unknown as ContextOf<M>
}

/** The NetworkPolicies that belong to one step. */
function policiesOf<M extends Module>(
  { module, inputs, chosen, versions, policies }: Session<M>,
  { id }: Pick<Step<M>, 'id'>,
): readonly NetworkPolicy[] {
  const choice = policies()
  if ('off' in choice) return []
  const settings = inputs.current()
  const declared = module.objects(settings, chosen().images, versions)
  return policiesBySteps(module, settings, declared, choice)[id] ?? []
}

const requirePulls = <M extends Module>(session: Session<M>, more: readonly string[]): Promise<void> =>
  provePulls(
    {
      images: [...Object.values(session.chosen().images), ...more],
      builtByOperator: session.module.builtByOperator ?? false,
    },
    {
      nodes: session.requireOpened().look.nodes,
      settings: session.inputs.current() as SettingsOf<M> & RegistrySettings,
      reporter: session.reporter.reporter,
    },
  )

/** Seconds within which the probe of one node must answer, through the API server. */
const nodeSeconds = 12

/**
 * Tests from the nodes whether pods can connect to the backends, if this run is going to change an object of the
 * cluster.
 * @throws KitError exit 2 for settings; exit 6 or 8, see requireFromNodes
 */
async function askNodes<M extends Module>({ module, inputs, opened, reporter }: Session<M>): Promise<void> {
  if (opened === undefined || opened.kube.foreseen.length === 0) return
  const settings = inputs.current()
  const { kube, cluster, look } = opened
  await requireFromNodes(titledEndpoints(module.backends?.(settings) ?? {}, settings), {
    kube: {
      list: (kind, where) => kube.reader.list(kind, where),
      // A probe that does not answer does not mean an unreachable API server: no retries for a minute.
      raw: (path) => cluster.kubectl.api.raw(path, { once: true, timeoutSeconds: nodeSeconds }),
    },
    nodes: look.nodes,
    reporter: reporter.reporter,
  })
}

function credentialsOf<M extends Module>(session: Session<M>): Credentials {
  const { module, inputs, permit } = session
  /** Runs before a settings file is changed: confirmation and lock. */
  const hold = async () => {
    await permit()
    await session.opened?.lock.acquire()
  }
  return {
    async ensure() {
      await requireKeptSettings(session)
      const { opened } = session
      const live = opened && (await adoptableValues(session, opened))
      const unproven =
        opened && live && unprovenKeys(opened.revisions.all, live, fingerprintBy(opened.checksumKey.value))
      const tryOut = (settings: SettingsOf<M>) =>
        tryBackends(module.backends?.(settings) ?? {}, session.backends(settings))
      await inputs.ensure(live?.values ?? {}, hold, tryOut, unproven, (settings) =>
        requireNoShrinking(session, settings),
      )
    },
    keep: (found) => inputs.keep(found, hold),
  }
}

function testsOf<M extends Module>(session: Session<M>): Tests<M> {
  const { module, inputs, options, versions, writes, repairs } = session
  return {
    async run(loadChecks, loadDrills) {
      if (writes.planning) return
      const { cluster, kube, revisions, known, lock } = session.requireOpened()
      // The lock: no other run changes the objects that are being checked.
      const [{ checks }, { drills }] = await Promise.all([loadChecks(), loadDrills(), lock.acquire()])
      const settings = inputs.current()
      const own = async () => [...(await kube.recorded()), ...kube.manifests]
      const http = refusingRivals(createHttp(settings), async () => findRivals(kube.reader, await own()))
      await runTests(module, {
        checks,
        drills,
        tools: readersOf({ settings, versions, ...cluster, http, backends: session.backends() }),
        breaking:
          options.verb === 'drill' ? createBreaking({ kubectl: cluster.kubectl, kube, repairs }) : undefined,
        beginDrill: (id) => lock.beginDrill(id),
        causes: () => failingBackends(module.backends?.(settings) ?? {}, session.backends()),
        keep: (found) => revisions.tested(found),
        facts: () => reportFacts(session),
      })
      await recordValidation({ kubectl: cluster.kubectl, repairs, known, current: revisions.current })
    },
  }
}

/** The sources of the tools of checks. */
export interface ReaderSources<S> {
  readonly settings: S
  readonly versions: Versions
  readonly kubectl: Kubectl
  readonly http: Http
  readonly backends: Pick<Backends, 'postgres' | 'redis' | 's3'>
}

/** The tools of checks, without any writer. The login to a backend is made at its first use. */
export const readersOf = <M extends Module>({
  settings,
  versions,
  kubectl,
  http,
  backends: { postgres, redis, s3 },
}: ReaderSources<SettingsOf<M>>): Tools<SettingsOf<M>> => ({
  settings,
  versions,
  kube: createKubeReader(kubectl),
  http,
  postgres: {
    majorVersion: () => postgres.majorVersion(),
    findText: (database, query) => postgres.findText(database, query),
  },
  redis: { evictionPolicy: () => redis.evictionPolicy() },
  s3: { roundTrip: (bucket) => s3.roundTrip(bucket) },
})
