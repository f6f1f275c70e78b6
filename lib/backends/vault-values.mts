import { anything, fields, mapOf, optional, optionalOrNull, wholeNumber } from '../base/shape.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import type { KubeReader } from '../kube/reader.mts'
import { audience } from '../kube/manifests/injection.mts'
import type { VaultPlace } from '../kube/manifests/delivery.mts'
import type { VaultConnection } from '../settings/platform-vault.mts'
import { vaultWrite, type VaultWrite } from './vault-access.mts'
import type { Reply } from './vault-client.mts'
import { isLoginUnable, logInAsPod, openVault, readReply, refused, tokenIn, unable } from './vault.mts'
import type { Vault } from './vault.mts'

// The values of one module in Vault: one path of the KV engine, a field for each key.

/** Values by key. */
export type SecretValues = Readonly<Record<string, Sensitive>>

/** What one path has. */
export interface Stored {
  /** Its fields; one that is not text is empty text, which no value is. */
  readonly values: SecretValues
  /** The same, as Vault returned them. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The version of the path; 0 when it never was written. */
  readonly version: number
}

/** Fewest characters of a stored value that is hidden in other texts: others keep words such as `true` there. */
const shortestForeign = 8

const shape = fields({
  data: optionalOrNull(
    fields({
      data: optionalOrNull(mapOf(anything)),
      metadata: optional(fields({ version: wholeNumber })),
    }),
  ),
})

/**
 * Reads the values at a path; a deleted version has none.
 * @throws KitError exit 8 when Vault answers 403; exit 3 for other errors and shapes; exit 6 or 7, see send
 */
export async function readStored(vault: Vault, path: string): Promise<Stored> {
  const reply = await vault.ask('GET', path)
  if (reply.status !== 200 && reply.status !== 404) throw refused(vault, `to read ${path}`, reply)
  // A path that never was written: its answer lists no errors and has no data.
  if (reply.status === 404 && (reply.json as { data?: unknown } | undefined)?.data === undefined)
    return { values: {}, fields: {}, version: 0 }
  const { data } = readReply(vault, path, shape, reply)
  const found = data?.data ?? {}
  const values = Object.entries(found).map(
    ([key, value]) => [key, sensitive(typeof value === 'string' ? value : '', shortestForeign)] as const,
  )
  return { values: Object.fromEntries(values), fields: found, version: data?.metadata?.version ?? 0 }
}

/** How the values of a path differ from others. */
export interface Difference {
  /** Keys that the path lacks. */
  readonly missing: readonly string[]
  /** Keys with another value there. */
  readonly differing: readonly string[]
}

/** Compares the values of a path with ours; what else it has is not looked at. */
export function differenceOf({ values }: Stored, ours: SecretValues): Difference {
  const keys = Object.keys(ours).toSorted()
  return {
    missing: keys.filter((key) => values[key] === undefined),
    differing: keys.filter(
      (key) => values[key] !== undefined && values[key].reveal() !== ours[key]?.reveal(),
    ),
  }
}

/** True when a path has all of our values. */
export const isEqual = ({ missing, differing }: Difference): boolean =>
  missing.length + differing.length === 0

/**
 * The write of our values. Other fields stay; a version that somebody else writes meanwhile is not overwritten.
 * @returns undefined when the path has them all
 */
export function valuesWrite(
  { path }: Pick<VaultPlace, 'path'>,
  stored: Stored,
  ours: SecretValues,
): VaultWrite | undefined {
  const difference = differenceOf(stored, ours)
  if (isEqual(difference)) return undefined
  const revealed = Object.entries(ours).map(([key, value]) => [key, value.reveal()] as const)
  const data = { ...stored.fields, ...Object.fromEntries(revealed) }
  const isNew = Object.keys(stored.fields).length === 0
  const { change, ...write } = vaultWrite(isNew ? '+' : '~', `values ${path}`, path, {
    options: { cas: stored.version },
    data,
  })
  const lines = [
    ...difference.missing.map((key) => `${key}: new`),
    ...difference.differing.map((key) => `${key}: another value`),
  ]
  return { ...write, change: { ...change, fields: lines } }
}

/**
 * Logs in as the pods of a module do, with a token of their service account.
 * @returns Vault with that login; the response when Vault refuses it; undefined without that service account
 * @throws KitError exit 3 when Vault cannot answer, see unable; exit 6 or 7, see send; exit 3 or 5 to 9 from kubectl
 */
export async function logInAs(
  settings: VaultConnection,
  kube: Pick<KubeReader, 'get' | 'tokenOf'>,
  { mount, account, namespace, role }: VaultPlace,
): Promise<{ readonly vault: Vault } | { readonly refused: Reply } | undefined> {
  if ((await kube.get('serviceaccounts', account, namespace)) === undefined) return undefined
  const vault = openVault(settings)
  const token = await kube.tokenOf(account, namespace, audience)
  const reply = await logInAsPod(vault, mount.path, role, token)
  if (isLoginUnable(reply)) throw unable(vault, `to log in ${namespace}/${account}`, reply)
  return reply.status === 200 ? { vault: vault.with(tokenIn(vault, reply)) } : { refused: reply }
}
