import { nameOf, type Manifest } from '../kube/types.mts'
import { exitCodes, KitError, NotYet } from '../base/errors.mts'
import { finishRun } from './summary.mts'
import { missingBuffer, requireFreeAddresses, requireIssuers } from '../kube/apply/ingress-preconditions.mts'
import { changeOf } from '../kube/apply/planner.mts'
import { log } from '../base/log.mts'
import { interruption } from '../base/signals.mts'
import { readSchema } from './schema.mts'
import type { Module } from '../run/module.mts'
import { bringApart } from '../run/bring-apart.mts'
import { createContext } from '../run/create-context.mts'
import { requireKeptSettings } from '../run/lost-settings.mts'
import { objectsOf } from '../run/objects.mts'
import { withKeptLabel } from '../run/out-of-vault.mts'
import { finishSecrets, isHeldBack } from '../run/own-secrets.mts'
import { requireRoom } from '../run/room.mts'
import { mergeManifests } from '../state/run-revision.mts'
import { requireNoShrinking } from '../run/volumes.mts'
import { foreignOwner } from '../state/scope.mts'
import type { Session } from '../run/session.mts'
import type { Step } from '../run/step.mts'
import { warnOfOthers } from './other-operator.mts'
import { announceUpgrade } from './upgrade.mts'

/**
 * Runs steps in order; after each one, its objects that are no longer declared are deleted, Secrets of a module that may
 * use Vault after the last one. Then saves the revision, and brings pods apart that came to share a node.
 * @throws KitError what a step throws: exit 2, 3 or 5 to 12; exit 3 for a step that needs an earlier one; exit 2, 3, 5
 *   to 9, 11 or 12 when a precondition is not met; exit 130 or 143 on a signal
 */
export async function install<M extends Module>(
  session: Session<M>,
  steps: readonly Step<M>[],
): Promise<void> {
  const started = performance.now()
  const applying = steps.filter(({ kind }) => kind === 'apply')
  for (const step of isOnlyProven(session) ? steps.filter((one) => !applying.includes(one)) : steps) {
    if (step === applying[0]) await prepare(session, applying)
    const isFirstSeen = session.opened === undefined
    await runOne(session, step)
    // A cluster this step has connected: with every settings file lost, only now its revisions are known.
    if (isFirstSeen) await keepSettingsOf(session, step)
    if (step !== applying.at(-1)) continue
    await finishSecretsOf(session, applying)
    await settle(session, applying)
    // A step alone is only that step.
    if (steps.length > 1) await bringApart(session)
  }
  if (session.options.plan) return
  if (steps.length > 1) finishRun(session, started)
  else log.done(steps[0]?.name ?? '', started)
}

/** True for an adopted cluster, and for a module of another environment: only credentials and tests steps run. */
function isOnlyProven<M extends Module>({ module, env, opened }: Session<M>): boolean {
  if (opened === undefined) return false
  const owner = foreignOwner({ module, env, known: opened.known })
  const adopted = module.machines !== undefined && opened.revisions.current?.state === 'adopted'
  if (owner !== undefined) log.ok(`installed from environment ${owner}: here it is proven, and left alone`)
  else if (adopted)
    log.ok('this cluster was not installed by the kit: it is proven, its machines are left alone')
  return owner !== undefined || adopted
}

/**
 * Requires the settings of the last revision, and saves those that are used again.
 * @throws KitError exit 3, 5 to 9, 130 or 143, see requireKeptSettings; exit 2, 11 or 12, see Credentials.keep
 */
async function keepSettingsOf<M extends Module>(session: Session<M>, step: Step<M>): Promise<void> {
  if (await requireKeptSettings(session)) await createContext(session, step).credentials.keep({})
}

/**
 * Requires all preconditions of a run, before its first write.
 * @throws KitError exit 2, 3, 5 to 9, 11, 12, 130 or 143, see announceUpgrade, keepSettingsOf, requireNoShrinking,
 *   ingress-preconditions and requireRoom
 */
async function prepare<M extends Module>(session: Session<M>, applying: readonly Step<M>[]): Promise<void> {
  const [first] = applying
  if (first !== undefined) await keepSettingsOf(session, first)
  await announceUpgrade(session)
  const { opened } = session
  if (opened === undefined) return
  await requireNoShrinking(session, session.inputs.current())
  const objects = await withKeptLabel(session, declaredObjects(session, applying))
  // Read concurrently; the first error in this order is thrown.
  const asked = await Promise.allSettled([
    requireFreeAddresses(opened.kube, objects),
    requireIssuers(opened.kube, objects),
    opened.kube.planAhead(objects),
    missingBuffer(opened.kube, objects),
  ])
  interruption.throwIfAsked()
  for (const one of asked) if (one.status === 'rejected') throw one.reason
  const [, , planned, buffer] = asked
  if (buffer.status === 'fulfilled' && buffer.value !== undefined) refuseOrNote(session, buffer.value)
  if (planned.status === 'fulfilled') {
    const changes = planned.value.flatMap((one) => changeOf(one) ?? [])
    warnOfOthers(opened.revisions.current, changes, () => session.inputs.record())
    await requireRoom(session, planned.value)
  }
  opened.revisions.expect(objects.map(nameOf))
}

/** Under --plan an earlier module of the same plan may correct it. @throws the error itself in a run that writes */
function refuseOrNote<M extends Module>({ writes }: Session<M>, found: KitError): void {
  if (!writes.planning) throw found
  writes.note({ sign: '!', what: `${found.message}: first ${found.hint ?? ''}` })
}

const declaredObjects = <M extends Module>(
  { module, inputs, chosen, versions, policies }: Session<M>,
  steps: readonly Step<M>[],
): Manifest[] =>
  objectsOf(module, steps, {
    settings: inputs.current(),
    images: chosen().images,
    versions,
    policies: policies(),
  })

async function runOne<M extends Module>(session: Session<M>, step: Step<M>): Promise<void> {
  const { writes, options } = session
  log.title(step.name)
  try {
    await step.run(createContext(session, step))
    if (step.kind === 'credentials' || session.opened === undefined) return
    requireAllApplied(step, declaredObjects(session, [step]), session.opened.kube.seenTo)
    await session.opened.kube.prune(step.id, (live) => !isHeldBack(session.module, live))
  } catch (thrown) {
    if (!(thrown instanceof NotYet)) throw thrown
    if (!options.plan) throw tooEarly(step, thrown)
    writes.note({ sign: '!', what: `${step.name}: ${thrown.message}` })
  }
}

/** An object that is declared and not applied would be pruned after its step: a bug of the module. */
function requireAllApplied(
  { name }: Pick<Step, 'name'>,
  declared: readonly Manifest[],
  seenTo: ReadonlySet<string>,
): void {
  const forgotten = declared.map(nameOf).filter((one) => !seenTo.has(one))
  if (forgotten.length > 0) throw new Error(`${name} declares and does not apply: ${forgotten.join(', ')}`)
}

/** Exit 3: a single step was started before the step that creates what it needs. */
const tooEarly = ({ name }: Pick<Step, 'name'>, { after }: NotYet): KitError =>
  new KitError(`${name} cannot begin yet: it needs what comes with ${after}`, {
    exitCode: exitCodes.preflight,
    hint: `run ${after} first, or the whole module`,
  })

/** @throws KitError, see finishSecrets */
const finishSecretsOf = async <M extends Module>(
  session: Session<M>,
  applied: readonly Step<M>[],
): Promise<void> => {
  if (session.opened === undefined) return
  await finishSecrets(
    session,
    applied.map(({ id }) => id),
  )
}

/** After the last apply step: saves the revision with the objects of these steps, and those of the others as before. */
async function settle<M extends Module>(session: Session<M>, applied: readonly Step<M>[]): Promise<void> {
  const { opened, writes } = session
  if (opened === undefined || writes.planning) return
  const { revisions, kube } = opened
  const before = revisions.current?.manifests ?? []
  const names = new Set(applied.map(({ id }) => id))
  await revisions.applied(mergeManifests(before, kube.manifests, names), () => readSchema(session))
}
