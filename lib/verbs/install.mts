import { exitCodes, KitError, NotYet } from '../base/errors.mts'
import { finishRun } from './summary.mts'
import { requireFreeAddresses, requireIssuers } from '../kube/apply/ingress-preconditions.mts'
import { log } from '../base/log.mts'
import { readSchema } from './schema.mts'
import type { Module } from '../run/module.mts'
import { renderObjects } from '../run/render.mts'
import { mergeManifests } from '../state/run-revision.mts'
import { foreignOwner } from '../state/scope.mts'
import type { Session } from '../run/session.mts'
import { isCredentials, isTests, type Step } from '../run/step.mts'
import { announceUpgrade } from './upgrade.mts'

/** Runs steps in order; after each, its objects that are no longer wanted go. The revision says what stands. */
export async function install<M extends Module>(
  session: Session<M>,
  steps: readonly Step<M>[],
): Promise<void> {
  const started = performance.now()
  const applying = steps.filter((step) => !isCredentials(step) && !isTests(step))
  for (const step of isOnlyProven(session) ? steps.filter((one) => !applying.includes(one)) : steps) {
    if (step === applying[0]) await prepare(session, applying)
    await runOne(session, step)
    if (step === applying.at(-1)) await settle(session, applying)
  }
  if (session.given.plan) return
  if (steps.length > 1) finishRun(session, started)
  else log.done(steps[0]?.name ?? '', started)
}

/** A cluster somebody else made, or made from another environment, is only proven: its machines are theirs. */
function isOnlyProven<M extends Module>({ module, env, ground }: Session<M>): boolean {
  if (ground === undefined) return false
  const owner = foreignOwner({ module, env, known: ground.known })
  const adopted = module.machines !== undefined && ground.revisions.current?.state === 'adopted'
  if (owner !== undefined) log.ok(`installed from environment ${owner}: here it is proven, and left alone`)
  else if (adopted)
    log.ok('this cluster was not installed by the kit: it is proven, its machines are left alone')
  return owner !== undefined || adopted
}

/** Everything that can refuse a run, before its first write. */
async function prepare<M extends Module>(session: Session<M>, applying: readonly Step<M>[]): Promise<void> {
  await announceUpgrade(session)
  const { module, context, ground } = session
  if (ground === undefined) return
  const objects = await renderObjects(module, applying, context.settings, context.images)
  await requireFreeAddresses(ground.kube, objects)
  await requireIssuers(ground.kube, objects)
  await ground.kube.foresee(objects)
}

async function runOne<M extends Module>(session: Session<M>, step: Step<M>): Promise<void> {
  const { context, writes, given } = session
  log.title(step.name)
  session.enter(step.id)
  try {
    await step.run(context)
    if (!isCredentials(step)) await session.ground?.kube.prune(step.id)
  } catch (thrown) {
    if (!(thrown instanceof NotYet)) throw thrown
    if (!given.plan) throw tooEarly(step, thrown)
    writes.note({ sign: '!', what: `${step.name}: ${thrown.message}` })
  }
}

/** A step alone, before the one that makes what it needs. */
const tooEarly = ({ name }: Pick<Step, 'name'>, { after }: NotYet): KitError =>
  new KitError(`${name} cannot begin yet: it needs what comes with ${after}`, {
    exitCode: exitCodes.preflight,
    hint: `run ${after} first, or the whole module`,
  })

/** After the last step that applies: the revision holds its objects, and the others' as they were. */
async function settle<M extends Module>(session: Session<M>, applied: readonly Step<M>[]): Promise<void> {
  const { ground, writes } = session
  if (ground === undefined || writes.planning) return
  const { revisions, kube } = ground
  const before = revisions.current?.manifests ?? []
  const names = new Set(applied.map(({ id }) => id))
  await revisions.applied(mergeManifests(before, kube.manifests, names), () => readSchema(session))
}
