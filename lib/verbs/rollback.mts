import { exitCodes, KitError } from '../base/errors.mts'
import { finishRun } from './summary.mts'
import { requireFreeAddresses } from '../kube/apply/ingress-preconditions.mts'
import { type Manifest, type Secret, nameOf } from '../kube/types.mts'
import { isWorkload, namedBy } from '../kube/workloads.mts'
import { log, say } from '../base/log.mts'
import { headingOf, masterCommand } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import { bringApart } from '../run/bring-apart.mts'
import { createContext } from '../run/create-context.mts'
import { objectsOf } from '../run/objects.mts'
import { requireOutOfVault } from '../run/out-of-vault.mts'
import { withoutUnproven } from '../run/policies.mts'
import { methodOf, storeOf, usesVault } from '../settings/platform-vault.mts'
import type { Settings } from '../settings/settings.mts'
import { shortTime, type Revision } from '../state/revision.mts'
import { requireNotDenied, targetOf, untoldIn } from './rollback-target.mts'
import { readSchema, requireSameSchema } from './schema.mts'
import { requireOwner } from '../state/scope.mts'
import type { Session } from '../run/session.mts'
import type { Step } from '../run/step.mts'
import { written } from '../base/written.mts'

/**
 * Applies an earlier revision again, waits for its rollouts, runs the tests. Secrets get the values of the current
 * settings: a revision has only their keys.
 * @throws KitError exit 5 when there is no such revision, one of its images must never run, the database was migrated
 *   since, a Secret's value has no setting, its values are in Vault and today's are not, or the reverse, it was made with
 *   another value of a setting of `sameInRollback`, or another environment owns the module; exit 2, 3 or 5 to 9 when
 *   applying fails; exit 10 when a check
 *   fails; exit 11 when another run has the lock; exit 12 for a local file; exit 130 or 143 on a signal
 */
export async function rollBack<M extends Module>(
  session: Session<M>,
  steps: readonly Step<M>[],
): Promise<void> {
  const started = performance.now()
  const { module, env, options, inputs, versions } = session
  const { revisions, kube, known } = session.requireOpened()
  requireOwner({ module, env, known })
  const target = targetOf(revisions, options.revision, headingOf(module))
  log.title(`roll back to revision ${target.number} of ${shortTime(target.when)}`)
  requireNotDenied(module, target, versions)
  for (const line of untoldIn(target, versions))
    log.warn(line, 'find out which version that digest is, before its pods are trusted with a key')
  await requireSameSchema(session, target)
  requireSameStore(target, inputs.current())
  await requireOutOfVault(session)
  requireSameSettings(module, target, inputs.current())
  revisions.intend(target)
  const today = objectsOf(module, steps, { settings: inputs.current(), images: target.images, versions })
  const wanted = withoutUnproven(module, target.manifests, session.policies()).map((manifest) =>
    withValues(manifest, today),
  )
  await requireFreeAddresses(kube, wanted)
  revisions.expect(wanted.map(nameOf))
  await kube.reapply(wanted)
  for (const [namespace, names] of workloadsIn(wanted)) await kube.waitForRollout(namespace, ...names)
  await kube.prune()
  await kube.forgetJobs()
  if (options.plan) return
  await revisions.applied(wanted, () => readSchema(session))
  await bringApart(session)
  for (const step of steps.filter(({ kind }) => kind === 'tests')) {
    log.title(step.name)
    await step.run(createContext(session, step))
  }
  finishRun(session, started)
  say(
    `  Pinned    a full run leaves module ${module.number} alone now; --module ${module.number} --env ${env} takes it up again`,
  )
}

/**
 * Requires that the revision has its secret values where today's settings have them, and its pods log in to Vault as
 * today's: they would read others, or none.
 * @throws KitError exit 5 when one of them is Vault and the other is not, or VAULT_AUTH_METHOD differs
 */
export function requireSameStore({ number, madeWith }: Revision, settings: Settings): void {
  const values = madeWith?.values ?? {}
  const [then, now] = [storeOf(values), storeOf(settings)]
  if (then === now) return requireSameMethod(number, values, settings)
  throw new KitError(`revision ${number} has SECRETS=${then}, today's settings have ${now}`, {
    exitCode: exitCodes.conflict,
    details: [`A rollback does not move secret values. ${written()}`],
    hint: `first the way of the values, which compares them: install with --set SECRETS=${then}; then roll back`,
  })
}

/** @throws KitError exit 5 when pods with values of Vault logged in by another auth method then */
function requireSameMethod(
  number: number,
  values: Readonly<Record<string, string>>,
  settings: Settings,
): void {
  const [then, now] = [methodOf(values), methodOf(settings)]
  if (!usesVault(settings) || then === now) return
  throw new KitError(`revision ${number} has VAULT_AUTH_METHOD=${then}, today's settings have ${now}`, {
    exitCode: exitCodes.conflict,
    details: [`Its pods would log in where the injector no longer sends them. ${written()}`],
    hint: `name a revision that was made with VAULT_AUTH_METHOD=${now}: --rollback NUMBER`,
  })
}

/**
 * Requires that the revision was made with today's values of the settings that a rollback cannot change: the checks
 * after it are about what these install, and it runs no step.
 * @throws KitError exit 5 naming the setting and both values
 */
export function requireSameSettings(
  module: Pick<Module, 'number' | 'shared' | 'settings' | 'sameInRollback'>,
  { number, madeWith }: Revision,
  settings: Settings,
): void {
  for (const key of module.sameInRollback ?? []) {
    const declared = [...module.shared, ...module.settings].find((one) => one.key === key)?.default
    // A revision does not record what was only a default.
    const then = madeWith?.values[key] ?? (typeof declared === 'string' ? declared : '')
    const now = String(settings[key] ?? '')
    if (then === now) continue
    throw new KitError(`revision ${number} has ${key}=${then}, today's settings have ${now}`, {
      exitCode: exitCodes.conflict,
      details: [`A rollback installs nothing and takes nothing out. ${written()}`],
      hint: `${masterCommand(module.number, settings.ENV, '--set', `${key}=${then}`)}; then roll back`,
    })
  }
}

/** A manifest, a Secret with its current values. @throws KitError exit 5 for a value that no setting has now */
function withValues(manifest: Manifest, today: readonly Manifest[]): Manifest {
  if (manifest.kind !== 'Secret') return manifest
  const { data: values = {} } = (today.find((one) => nameOf(one) === nameOf(manifest)) ?? {}) as Secret
  const keys = Object.keys((manifest as Secret).data ?? {})
  const lost = keys.filter((key) => values[key] === undefined)
  if (lost.length > 0) {
    throw new KitError(
      `${nameOf(manifest)} of that revision needs values that today's settings do not have`,
      {
        exitCode: exitCodes.conflict,
        details: [`missing: ${lost.join(', ')}`, written()],
        hint: 'give these settings first (step 00), then roll back again',
      },
    )
  }
  return { ...manifest, data: Object.fromEntries(keys.map((key) => [key, values[key]])) } as Manifest
}

function workloadsIn(manifests: readonly Manifest[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const one of manifests.filter(isWorkload)) {
    const namespace = one.metadata?.namespace ?? ''
    found.set(namespace, [...(found.get(namespace) ?? []), namedBy(one)])
  }
  return found
}
