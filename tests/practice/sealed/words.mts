import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { createRedis } from '../../../lib/backends/redis.mts'
import type { BackendNeeds } from '../../../lib/backends/needs.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import { redact } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { runChecks, type Check, type Tools } from '../../../lib/checks/checks.mts'
import { createHttp } from '../../../lib/checks/http.mts'
import { explainLines, fetchedLines, type KnownFailure } from '../../../lib/kube/rollout/failure.mts'
import type { Ingress, Manifest } from '../../../lib/kube/types.mts'
import type { Settings } from '../../../lib/settings/settings.mts'
import { ask, awaitReady, clusterOf } from './cluster.mts'
import type { Rule } from './ingress.mts'
import { folderOf, layBackends, layLike, machine } from './lay.mts'

/** A module in the sealed machine. */
export interface Sealed<S extends Settings> {
  readonly settings: S
  readonly manifests: Manifest[]
  readonly needs: BackendNeeds
  readonly checks: readonly Check<S>[]
  /** What its module knows of log lines. */
  readonly failures: readonly KnownFailure[]
  /** Lays its pods. @param venv the folder of their Python */
  readonly lay: (venv: string) => void
  /** Addresses of the pods of a Service: `10.42.0.11:8088`. */
  readonly targets: (service: string) => readonly string[]
  /** Words of its own. */
  readonly more?: Readonly<Record<string, (tools: Tools<S>, words: readonly string[]) => Promise<void>>>
}

/** Does what the command line says: see machine.bash, which calls it. */
export async function answer<S extends Settings>(sealed: Sealed<S>): Promise<void> {
  const [word = '', ...words] = process.argv.slice(2)
  if (word === 'render') {
    layBackends()
    sealed.lay(words[0] ?? '')
    return writeFileSync(join(machine, 'routes.json'), JSON.stringify(rulesOf(sealed)))
  }
  if (word === 'ready') return awaitReady(words)
  if (word === 'explain') return explain(words[0] ?? '', sealed.failures)
  if (word === 'kept') return console.log(redact(logOf(words[0] ?? '')))
  if (word === 'like') return layLike(words[0] ?? '', words[1] ?? '', Number(words[2]))
  if (word === 'probe') {
    const passes = await ask(words[0] ?? '', words[1] as 'startupProbe')
    return console.log(passes ? 'passes' : 'fails')
  }
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const quiet = { warn: () => {}, ok: () => {} }
  const postgres = createPostgres(sealed.settings, writes, { ...quiet, claim: 'keybuzz test sealed' })
  const redis = createRedis(sealed.settings, writes, { ...quiet, cluster: 'sealed' })
  const tools = {
    settings: sealed.settings,
    http: createHttp(sealed.settings),
    kube: clusterOf(sealed.manifests),
    postgres,
    redis,
  } as unknown as Tools<S>
  try {
    if (word === 'backends') await makeBackends(sealed.needs, postgres, redis)
    else if (word === 'check') await check(sealed.checks, tools, words)
    else await sealed.more?.[word]?.(tools, words)
  } finally {
    await postgres.close()
    await redis.close()
  }
}

/** The kit's own database, role and claim, as soon as the servers answer. */
async function makeBackends(
  needs: BackendNeeds,
  postgres: ReturnType<typeof createPostgres>,
  redis: ReturnType<typeof createRedis>,
): Promise<void> {
  const make = async () => {
    if (needs.postgres !== undefined) await postgres.ensureDatabase(needs.postgres)
    if (needs.redis !== undefined) await redis.require(needs.redis)
  }
  const isStarting = (thrown: unknown) =>
    thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable
  const outcome = await pollUntil(
    () =>
      make().then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    { until: (thrown) => !isStarting(thrown), milliseconds: 120_000, every: 500 },
  )
  if (outcome !== undefined) throw outcome
}

const logOf = (name: string): string => readFileSync(join(folderOf(name), 'log'), 'utf8')

/** What the kit says when a pod cannot start: the meaning of the last lines of its log, and what to do next. */
function explain(name: string, failures: readonly KnownFailure[]): void {
  const lines = logOf(name).trimEnd().split('\n')
  const { known } = explainLines(lines.slice(-fetchedLines), failures)
  console.log(known === undefined ? 'nothing' : `${known.meaning}\n${known.next}`)
}

/** Asks these checks, one line each: `passed superset.login: ...`. */
async function check<S extends Settings>(all: readonly Check<S>[], tools: Tools<S>, ids: readonly string[]) {
  const unknown = ids.filter((id) => !all.some((one) => one.id === id))
  if (unknown.length > 0) throw new Error(`no check ${unknown.join(', ')}`)
  const chosen = all.filter(({ id }) => ids.includes(id))
  const outcomes = await runChecks(chosen, tools, ({ id, result, evidence }) =>
    console.log(`${result} ${id}: ${evidence}`),
  )
  process.exitCode = outcomes.every(({ result }) => result === 'passed') ? 0 : 1
}

const rulesOf = <S extends Settings>({ manifests, targets }: Sealed<S>): Rule[] =>
  manifests
    .filter(({ kind }) => kind === 'Ingress')
    .flatMap((one) => (one as Ingress).spec?.rules ?? [])
    .flatMap(({ host = '', http }) =>
      (http?.paths ?? []).map(({ path = '/', backend }) => ({
        host,
        path,
        targets: targets(backend.service?.name ?? ''),
      })),
    )
