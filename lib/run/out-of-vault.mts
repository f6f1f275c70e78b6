import { confirmName } from '../base/confirm.mts'
import { exitCodes, KitError, messageOf, isInterruption } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { masterCommand, namesOf } from '../base/names.mts'
import { written } from '../base/written.mts'
import { signIn } from '../backends/vault-admin.mts'
import { findIn, policyPath, rolePath, vaultWrite } from '../backends/vault-access.mts'
import { accessOf, type Kept, otherValue } from '../backends/vault-keeping.mts'
import { differenceOf, logInAs, readStored } from '../backends/vault-values.mts'
import { openVault, type Vault } from '../backends/vault.mts'
import { labelled, unlabelled } from '../kube/manifests/injection-label.mts'
import type { Kube } from '../kube/apply/kube.mts'
import type { Manifest } from '../kube/types.mts'
import { compareFiles } from '../kube/rollout/injected-files.mts'
import { usesVault } from '../settings/platform-vault.mts'
import { accountOf, neverReplaced, valuesOf } from './kept-secrets.mts'
import { liveSecrets } from './live-secrets.mts'
import type { Module } from './module.mts'
import type { Session } from './session.mts'

// The way of a module's secret values out of Vault, into Secrets again. A module is in Vault while its service account
// exists, which it has only then.

/** Whether the live module takes its values from Vault. @throws KitError exit 3 or 5 to 9 from kubectl */
export async function isInVault<M extends Module>({
  module,
  env,
  requireOpened,
}: Session<M>): Promise<boolean> {
  const [account, namespace] = [accountOf(module), namesOf(module).namespace(env)]
  return (await requireOpened().kube.objects()).some(
    ({ kind, metadata }) =>
      kind === 'ServiceAccount' && metadata.name === account && metadata.namespace === namespace,
  )
}

/**
 * The objects of a module as they are applied now. On the way back its Namespace keeps the label for injection: a pod of
 * Vault that is created anew before all are replaced gets its files only in a Namespace with it.
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export const withKeptLabel = async <M extends Module>(
  session: Session<M>,
  objects: readonly Manifest[],
): Promise<readonly Manifest[]> =>
  session.module.secrets !== undefined && (await isInVault(session)) ? objects.map(labelled) : objects

/** The Kube of a step that applies objects as withKeptLabel. */
export const keepingLabel = <M extends Module>(session: Session<M>, kube: Kube): Kube => ({
  ...kube,
  apply: async (manifests) => kube.apply(await withKeptLabel(session, manifests)),
})

/** Takes the label off again, after the service account: a run that ends between the two is continued by the next one. */
export async function dropLabel<M extends Module>({ requireOpened }: Session<M>): Promise<void> {
  const { kube } = requireOpened()
  const without = kube.manifests.flatMap((one) => unlabelled(one) ?? [])
  if (without.length > 0) await kube.reapply(without)
}

/**
 * Requires that a module whose settings want Secrets is not in Vault any more: only its install compares what its pods
 * ran with, a rollback would make the Secrets of whatever the settings have.
 * @throws KitError exit 5 while it is; exit 3 or 5 to 9 from kubectl
 */
export async function requireOutOfVault<M extends Module>(session: Session<M>): Promise<void> {
  const { module, env, inputs } = session
  if (module.secrets === undefined || usesVault(inputs.current()) || !(await isInVault(session))) return
  throw new KitError(`the values of ${module.slug} are still in Vault, its settings want them in Secrets`, {
    exitCode: exitCodes.conflict,
    details: [`A rollback does not move secret values. ${written()}`],
    hint: `${masterCommand(module.number, env)}   brings them back and compares them; then roll back`,
  })
}

/**
 * Requires, before pods are given Secrets again, that our values are those they ran with: by the files of running pods,
 * else by Vault. A run that was ended on its way back has made the Secrets already.
 * @throws KitError exit 5 for another value of a key that nothing may replace; exit 2 when others differ, or nothing
 *   shows what ran, and the module's name is not typed; exit 3 or 5 to 9 from kubectl; exit 130 or 143 on a signal
 */
export async function requireSameAsRan<M extends Module>(
  session: Session<M>,
  kept: Kept | undefined,
): Promise<void> {
  const { module, env, inputs, answers, writes } = session
  const { kube, look } = session.requireOpened()
  const started = performance.now()
  const values = valuesOf(module, inputs.current())
  const live = liveSecrets(await kube.objects(), look.namespaces)
  // Values that are no settings are made of them, and may have another key in their Secret.
  const declared = new Set([...module.settings, ...module.shared].map(({ key }) => key))
  const ours = Object.entries(values).filter(([key]) => declared.has(key))
  if (ours.every(([key, value]) => live[key] === value.reveal())) return
  const { pods, differing } = await compareFiles(kube.reader, namesOf(module).namespace(env), values)
  const found = pods > 0 ? differing : await differingInVault(session, kept)
  if (found?.length === 0)
    return log.ok(`the values of credentials/${env} are those the pods ran with`, started)
  const lost = (found ?? []).filter((key) => neverReplaced(module).includes(key))
  if (lost.length > 0) throw otherValue(lost, 'the running pods have', env)
  const why =
    found === undefined
      ? `neither a running pod nor Vault shows which values ${module.slug} ran with: those of credentials/${env} are used`
      : `${module.slug} ran with other values than those of credentials/${env}, which are used: ${found.join(', ')}`
  if (writes.planning) return writes.note({ sign: '!', what: why })
  await confirmName(module.slug, why, answers)
}

/** Keys whose value in Vault is not ours; undefined when Vault does not show them. */
async function differingInVault<M extends Module>(
  session: Session<M>,
  kept: Kept | undefined,
): Promise<readonly string[] | undefined> {
  if (kept === undefined) return undefined
  try {
    const login = await logInAs(kept.settings, session.requireOpened().kube.reader, kept.place)
    if (login === undefined || 'refused' in login) return undefined
    const stored = await readStored(login.vault, kept.place.path)
    return Object.keys(stored.values).length === 0 ? undefined : differenceOf(stored, kept.values).differing
  } catch (thrown) {
    if (!(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
    log.warn(`Vault does not show the values: ${messageOf(thrown)}`, thrown.hint ?? '')
    return undefined
  }
}

/** False when a path is not there; true also where Vault does not show it to this token. @throws as findIn, on a signal */
const mayHave = (admin: Vault, path: string): Promise<boolean> =>
  findIn(admin, path).then(
    (found) => found !== undefined,
    (thrown: unknown) => {
      if (!(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
      return true
    },
  )

/** Takes the role and the policy of a module out of Vault when this run has a token for it; its values stay there. */
export async function leaveVault<M extends Module>({ writes }: Session<M>, kept: Kept): Promise<void> {
  const access = accessOf(kept)
  const vault = openVault(kept.settings)
  const paths = [rolePath(access), policyPath(access)]
  const admin = await signIn(vault, kept.settings).catch((thrown: unknown) => {
    if (!(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
    return undefined
  })
  const left: string[] = []
  for (const path of paths) {
    if (admin === undefined) left.push(path)
    // An earlier run, ended on this way, may have taken it out.
    else if (await mayHave(admin, path))
      await writes.make([vaultWrite('-', path, path, undefined, 'DELETE').change], async () => {
        const { status } = await admin.ask('DELETE', path)
        if (status !== 200 && status !== 204 && status !== 404) left.push(path)
      })
  }
  if (left.length > 0)
    log.warn(
      `${left.join(' and ')} stay in Vault: nothing uses them any more`,
      left.map((path) => `vault delete ${path}`).join('; '),
    )
  log.ok(`the values of ${kept.name} stay in Vault too: ${kept.place.path}`, performance.now())
}
