import type { Arguments } from './arguments.mts'
import { hasKubeconfig } from './cluster.mts'
import type { Backends, Context } from './context.mts'
import { openGround, type Ground } from './ground.mts'
import { createHttp } from './http.mts'
import { openInputs } from './inputs.mts'
import { lazily } from './lazy.mts'
import { log, say } from './log.mts'
import { headingOf, type Module } from './module.mts'
import { createPostgres } from './postgres.mts'
import { createRedis } from './redis.mts'
import type { Revision } from './revision.mts'
import { mergeManifests } from './revisions.mts'
import type { Settings } from './settings.mts'
import { runTests, type ReportFacts } from './tests.mts'
import { chooseImages, describeImage, kitVersion, readVersions } from './versions.mts'
import { createWrites, type Change, type Writes } from './writes.mts'

/** One run of one module: what its steps work with, and what is kept around them. */
export interface Session<M extends Module> {
  readonly env: string
  readonly context: Context<M>
  /** What was changed, or under --plan would be. */
  readonly changes: readonly Change[]
  note(change: Change): void
  enter(step: string): void
  /** After a step: objects it no longer wants are deleted. */
  leave(): Promise<void>
  /** After the last step that applies: the revision says what stands. */
  settle(): Promise<void>
  close(): Promise<void>
  revisionText(): string
  unchanged(): number
  information(): readonly (readonly [label: string, text: string])[]
}

/**
 * Opens a run: inputs, cluster, gate. Nothing is written before a step writes.
 * @param withoutCluster step 00 alone may run before there is a cluster: questions first, machines later
 * @throws KitError exit 2, 3, 5, 6, 7 or 8 when the run must not begin
 */
export async function openSession<M extends Module>(
  module: M,
  env: string,
  given: Arguments,
  { withoutCluster }: { withoutCluster: boolean },
): Promise<Session<M>> {
  const inputs = await openInputs(module, env, given)
  const { versions } = readVersions(env)
  const chosen = lazily(() =>
    chooseImages(module.images, versions, ground?.revisions.images ?? {}, given.upgrade),
  )
  const ground: Ground | undefined =
    hasKubeconfig(env) || !withoutCluster
      ? await openGround(module, env, given, versions, () => chosen().images)
      : undefined
  if (ground === undefined) say(`KeyBuzz ${headingOf(module)}   ${env}   no cluster yet`)
  const writes = ground?.writes ?? createWrites({ planning: given.plan, guard: () => Promise.resolve() })

  const warnings: ReportFacts['warnings'][number][] = []
  const voice = {
    warn(text: string, fix?: string) {
      if (warnings.some((warning) => warning.text === text)) return
      warnings.push({ text, ...(fix === undefined ? {} : { fix }) })
      log.warn(text, fix)
    },
    said: (text: string) => (given.plan ? undefined : log.ok(text)),
  }
  const opened: Backends[] = []
  const openBackends = (settings: Settings): Backends => {
    const cluster = ground?.cluster.caHash ?? ''
    const backends = {
      postgres: createPostgres(settings, writes, voice),
      redis: createRedis(settings, writes, { ...voice, cluster }),
    }
    opened.push(backends)
    return backends
  }
  const backends = lazily(() => openBackends(inputs.current()))
  const requireGround = (): Ground => {
    if (ground !== undefined) return ground
    throw new Error('a step used the cluster of a run that was opened without one')
  }

  const facts = (): ReportFacts => ({
    env,
    cluster: ground?.cluster.name ?? '',
    revision: ground?.revisions.current?.number,
    kit: kitVersion(),
    warnings,
    images: module.images.map((name) => describeImage(name, chosen().images[name] ?? '', versions)),
    access: module.information?.(inputs.current()) ?? [],
    notProven: module.notProven ?? [],
  })

  const context: Context<M> = {
    get settings() {
      return inputs.current()
    },
    get images() {
      return chosen().images as Context<M>['images']
    },
    get kube() {
      return requireGround().kube.kube
    },
    get postgres() {
      return backends().postgres
    },
    get redis() {
      return backends().redis
    },
    get http() {
      return createHttp(inputs.current())
    },
    credentials: {
      async ensure(tryOut) {
        const live = (await ground?.kube.liveSecrets()) ?? {}
        await inputs.ensure(live, tryOut && ((settings) => tryOut(settings, openBackends(settings))))
      },
    },
    tests: {
      async run(checks) {
        if (writes.planning) return
        const count = await runTests(module, checks, { ...context, settings: inputs.current() }, facts)
        await requireGround().revisions.validated(count)
      },
    },
  }

  let step = ''
  const stepsRun = new Set<string>()
  return {
    env,
    context,
    changes: writes.changes,
    note: (change) => writes.note(change),
    enter(name) {
      step = name
      stepsRun.add(name)
      ground?.kube.enter(name)
    },
    async leave() {
      if (!step.startsWith('00_')) await ground?.kube.prune()
    },
    async settle() {
      if (ground === undefined || writes.planning) return
      const before = ground.revisions.current?.manifests ?? []
      await ground.revisions.applied(mergeManifests(before, ground.kube.manifests, stepsRun))
    },
    async close() {
      await Promise.all(opened.flatMap(({ postgres, redis }) => [postgres.close(), redis.close()]))
    },
    revisionText: () => revisionText(ground?.revisions.current, writes),
    unchanged: () => ground?.kube.unchanged ?? 0,
    information() {
      const newer = chosen().newer.map(
        ({ name, from, to }) => ['Newer', `${name} ${from} -> ${to}: --upgrade`] as const,
      )
      return [...(module.information?.(inputs.current()) ?? []), ...(given.upgrade ? [] : newer)]
    },
  }
}

/** `revision 4`, `nothing to do, revision 4 stands`, and in a plan `revision 4 -> 5`. */
function revisionText(current: Revision | undefined, { planning, changes }: Writes): string {
  const number = current?.number ?? 0
  if (planning) return changes.length === 0 ? `revision ${number}` : `revision ${number} -> ${number + 1}`
  if (current === undefined) return 'no revision yet'
  return changes.length === 0 ? `nothing to do, revision ${number} stands` : `revision ${number}`
}
