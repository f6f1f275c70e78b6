import { confirmName, type Answers } from '../base/confirm.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { masterCommand } from '../base/names.mts'
import { log } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'
import { written } from '../base/written.mts'
import type { VaultPlace } from '../kube/manifests/delivery.mts'
import type { KubeReader } from '../kube/reader.mts'
import type { VaultConnection } from '../settings/platform-vault.mts'
import { accessWrites, boundElsewhere, findIn, policyPath, rolePath, sendWrite } from './vault-access.mts'
import type { Access } from './vault-access.mts'
import { requireKv, requireRights, signIn, type Right } from './vault-admin.mts'
import { requireHealthy } from './vault-health.mts'
import { differenceOf, isEqual, logInAs, readStored, valuesWrite } from './vault-values.mts'
import type { Difference, SecretValues } from './vault-values.mts'
import { openVault, type Vault } from './vault.mts'

// One module's values in Vault, with the role and the policy by which its pods read them: compared first, then written.

/** What a module keeps in Vault. */
export interface Kept {
  readonly settings: VaultConnection
  readonly place: VaultPlace
  /** Our values, by key. */
  readonly values: SecretValues
  /** The keys that nothing may replace: encryption keys. */
  readonly never: readonly string[]
  /** The name that is typed before values of somebody else are replaced: `n8n`. */
  readonly name: string
}

/** What requireKept works with. */
export interface Keeping {
  readonly kube: Pick<KubeReader, 'get' | 'tokenOf'>
  readonly writes: Writes
  readonly answers: Answers
}

/** The policy of a module: it reads its own path, and nothing beside it. */
export const accessOf = ({ place }: Pick<Kept, 'place'>): Access => ({
  mount: place.mount,
  role: place.role,
  policy: place.policy,
  account: place.account,
  namespace: place.namespace,
  rules: `path "${place.path}" {\n  capabilities = ["read"]\n}\n`,
})

/** The rights in Vault that writing them needs. */
export const rightsFor = (kept: Kept): Right[] => {
  const capabilities = ['create', 'read', 'update']
  const access = accessOf(kept)
  return [
    { path: 'sys/auth', capabilities: ['read'] },
    ...[rolePath(access), policyPath(access), kept.place.path].map((path) => ({ path, capabilities })),
  ]
}

/**
 * Makes Vault have our values, and a role and a policy by which the module's pods read them. Without a token for the
 * set-up it writes nothing: a login as these pods proves that nothing has to be changed.
 * @throws KitError exit 2 when Vault must be changed and this run has no token for it, or the module's name is not typed
 *   before other values are replaced; exit 3 when Vault is not opened to this cluster, or see requireHealthy and
 *   requireKv; exit 5 for another value of a key that nothing may replace, or a role of another namespace; exit 8, see
 *   signIn and requireRights; exit 6 or 7, see send; exit 3 or 5 to 9 from kubectl; what the gate throws (Writes.make)
 */
export async function requireKept(kept: Kept, keeping: Keeping): Promise<void> {
  const started = performance.now()
  const vault = openVault(kept.settings)
  await requireHealthy(vault)
  const admin = await signIn(vault, kept.settings)
  if (admin === undefined) {
    await requireUnchanged(kept, keeping, vault)
    return log.ok(`${Object.keys(kept.values).length} values are in Vault, ${kept.place.path}`, started)
  }
  const { writes, answers } = keeping
  await requireKv(admin, kept.settings.VAULT_KV_MOUNT)
  await requireRights(admin, rightsFor(kept))
  await requireOpened(admin, kept)
  const stored = await readStored(admin, kept.place.path)
  const difference = differenceOf(stored, kept.values)
  refuseReplacing(kept, difference.differing)
  const access = await accessWrites(admin, accessOf(kept), true)
  const values = valuesWrite(kept.place, stored, kept.values)
  if (difference.differing.length > 0 && !writes.planning)
    await confirmName(
      kept.name,
      `other values in Vault, ${kept.place.path}, are replaced by ours: ${difference.differing.join(', ')}`,
      answers,
    )
  const wanted = [...access, ...(values === undefined ? [] : [values])]
  for (const one of wanted) await writes.make([one.change], () => sendWrite(admin, one))
  if (writes.planning) return
  log.ok(
    `Vault, ${kept.place.path}: ${wanted.length === 0 ? 'nothing to change' : `${wanted.length} written`}`,
    started,
  )
}

/** @throws KitError exit 3 when Vault is not opened to this cluster; exit 5 for a role of another namespace */
async function requireOpened(admin: Vault, kept: Kept): Promise<void> {
  const { ENV } = kept.settings
  const access = accessOf(kept)
  const { method, path } = access.mount
  const methods = await findIn(admin, 'sys/auth')
  const { type } = (methods?.[`${path}/`] ?? {}) as { type?: unknown }
  if (type !== method)
    throw new KitError(`${admin.where} has no auth method ${method} at ${path}`, {
      exitCode: exitCodes.preflight,
      details: [written()],
      hint: `module 14 enables it: ${masterCommand(14, ENV)}; then run the same command again`,
    })
  const bound = boundElsewhere(access, (await findIn(admin, rolePath(access))) ?? {})
  if (bound === undefined) return
  throw new KitError(`role ${access.role} of ${admin.where} is bound to another namespace`, {
    exitCode: exitCodes.conflict,
    details: [`bound to: ${bound}`, `this module is in: ${access.namespace}`, written()],
    hint: `is it another cluster’s? then give each its own VAULT_AUTH_PATH and VAULT_KV_PREFIX; else: vault delete ${rolePath(access)}`,
  })
}

/** @throws KitError exit 5 for another value of a key that nothing may replace */
function refuseReplacing({ never, place, settings }: Kept, differing: readonly string[]): void {
  const keys = differing.filter((key) => never.includes(key))
  if (keys.length > 0) throw otherValue(keys, `Vault, ${place.path}, has`, settings.ENV)
}

/**
 * The error (exit 5) for another value of a key that nothing may replace.
 * @param where who has it, with its verb: `the running pods have`
 */
export const otherValue = (keys: readonly string[], where: string, env: string): KitError =>
  new KitError(`${where} another ${keys.join(', ')} than credentials/${env}`, {
    exitCode: exitCodes.conflict,
    details: [`It can never be replaced: what it encrypted would be lost. ${written()}`],
    hint: 'find out with which of the two the data was written, by your backup, and put that one into both: vault kv patch in Vault, the settings file here',
  })

/** @throws KitError exit 2 or 5 when Vault would have to be changed, which takes a token for the set-up */
async function requireUnchanged(kept: Kept, { kube, writes }: Keeping, vault: Vault): Promise<void> {
  const login = await logInAs(kept.settings, kube, kept.place)
  const difference: Difference | string =
    login === undefined
      ? 'its pods have not logged in yet'
      : 'refused' in login
        ? `it refuses their login: ${login.refused.status} ${login.refused.words}`
        : differenceOf(await readStored(login.vault, kept.place.path), kept.values)
  if (typeof difference !== 'string') {
    if (isEqual(difference)) return
    refuseReplacing(kept, difference.differing)
  }
  const why =
    typeof difference === 'string'
      ? difference
      : [
          ...difference.missing.map((key) => `${key} is not in ${kept.place.path}`),
          ...difference.differing.map((key) => `${key} is another one in ${kept.place.path}`),
        ].join('; ')
  if (writes.planning)
    return writes.note({ sign: '!', what: `Vault ${kept.place.path}: ${why}; changing it takes a token` })
  throw new KitError(`${vault.where} does not have what the pods of ${kept.name} need`, {
    exitCode: exitCodes.usage,
    details: [why, `Changing that takes a token for the set-up, and this run has none. ${written()}`],
    hint: 'give it in the variable KEYBUZZ_VAULT_TOKEN: read -rs KEYBUZZ_VAULT_TOKEN; export KEYBUZZ_VAULT_TOKEN; then run the same command again',
  })
}
