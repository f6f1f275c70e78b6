import { gunzipSync } from 'node:zlib'
import { few } from '../base/few.mts'
import { namesOf } from '../base/names.mts'
import { pollUntil } from '../base/poll.mts'
import { isWithin, type Sensitive } from '../base/sensitive.mts'
import { isUnable, unable } from '../backends/vault.mts'
import { differenceOf, logInAs, readStored } from '../backends/vault-values.mts'
import { placeIn, settlingMs } from '../kube/manifests/delivery.mts'
import { compareFiles } from '../kube/rollout/injected-files.mts'
import { nameOf, type LiveObject } from '../kube/types.mts'
import { usesVault, type VaultConnection } from '../settings/platform-vault.mts'
import type { Settings } from '../settings/settings.mts'
import { decodeAll } from '../state/revision-store.mts'
import { failed, passed, warning, type Check } from './checks.mts'

// The checks of a module that takes its secret values from Vault (SECRETS=vault).

/** A module with secret values, as these checks need it. */
export interface CheckedModule<S extends Settings> {
  readonly number: number
  /** Prefix of the checks' ids, and the service account of its pods: `n8n`. */
  readonly slug: string
  /** The values it keeps in Vault, by key. */
  readonly secrets: (settings: S) => Readonly<Record<string, Sensitive | undefined>>
  /** Settings that it shares with other modules: Secrets of these may have their values. */
  readonly shared: readonly { readonly key: string }[]
}

/**
 * The checks of its values: they are equal everywhere, and nothing in the cluster has a copy.
 * @param patience milliseconds for which a pod may not be ready, or have other files: a new one of an autoscaler, and a
 *   value that has just changed in Vault
 * @param files keys of whole files of the operator, which name public values too: what of them is secret has its own key
 * @param isPublic true for a value that other objects may have too, though it is kept with the secret ones
 */
export const secretsChecks = <S extends Settings>(
  module: CheckedModule<S>,
  { files = [], patience = settlingMs, isPublic = () => false }: SecretsOptions = {},
): Check<S>[] => [
  equalCheck(module, patience),
  copiesCheck(module, (key, value) => !files.includes(key) && !isPublic(key, value)),
]

interface SecretsOptions {
  readonly files?: readonly string[]
  readonly patience?: number
  readonly isPublic?: (key: string, value: Sensitive) => boolean
}

const present = (all: Readonly<Record<string, Sensitive | undefined>>): Record<string, Sensitive> =>
  Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )

const equalCheck = <S extends Settings>(module: CheckedModule<S>, patience: number): Check<S> => ({
  id: `${module.slug}.vault`,
  title:
    'With SECRETS=vault: pods have the values of Vault and of credentials/, and their login reads no other path',
  fix: 'install again: it compares them, and says which differ and where; kubectl -n NAMESPACE logs POD -c vault-agent',
  when: usesVault,
  async ask({ kube, settings }) {
    const connection = settings as unknown as VaultConnection
    const place = placeIn(connection, namesOf(module).namespace(settings.ENV), module.slug)
    const values = present(module.secrets(settings))
    const { pods, problems } = await pollUntil(() => compareFiles(kube, place.namespace, values), {
      until: (found) => found.pods > 0 && found.problems.length === 0,
      milliseconds: patience,
      every: 3000,
    })
    if (problems.length > 0) return failed(few(problems, 5))
    if (pods === 0) return failed('no pod has files of Vault')
    const login = await logInAs(connection, kube, place)
    if (login === undefined) return failed(`there is no service account ${module.slug}`)
    if ('refused' in login)
      return failed(`Vault refuses the pods' login: ${login.refused.status} ${login.refused.words}`)
    const { missing, differing } = differenceOf(await readStored(login.vault, place.path), values)
    const wrong = [
      ...missing.map((key) => `${key} is not in ${place.path}`),
      ...differing.map((key) => `${key} is another one in ${place.path}`),
    ]
    if (wrong.length > 0) return failed(few(wrong, 5))
    const beside = `${place.path}-other`
    const reply = await login.vault.ask('GET', beside)
    if (isUnable(reply)) throw unable(login.vault, `to read ${beside}`, reply)
    return reply.status === 403
      ? passed(
          `${Object.keys(values).length} values, ${pods} pods: SHA-256 of files, Vault and settings are equal; ${beside} 403`,
        )
      : failed(`${beside} is not refused to the pods' login: another policy is bound to role ${place.role}`)
  },
})

/** Fewest characters of a value that is searched for: shorter ones occur in ordinary words. */
const shortest = 8

/** True for scheme, host and port alone: where a server is, which many public objects say. */
function isAddressAlone(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && url.host !== '' && [`${url.origin}/`, url.origin].includes(text)
}

const copiesCheck = <S extends Settings>(
  module: CheckedModule<S>,
  isSought: (key: string, value: Sensitive) => boolean,
): Check<S> => ({
  id: `${module.slug}.copies`,
  title: 'With SECRETS=vault: no Secret and no ConfigMap of the cluster has a copy of a value',
  fix: 'whoever made that object keeps the value in etcd: kubectl get it -o yaml, and delete it; then replace the value',
  when: usesVault,
  async ask({ kube, settings }) {
    const own = namesOf(module).namespace(settings.ENV)
    const shared = module.shared.map(({ key }) => key)
    const wanted = Object.entries(present(module.secrets(settings))).filter(
      ([key, value]) =>
        value.reveal().length >= shortest && isSought(key, value) && !isAddressAlone(value.reveal()),
    )
    const objects = (await Promise.all(['secrets', 'configmaps'].map((kind) => kube.list(kind, {})))).flat()
    const copies = objects.flatMap((one) => {
      const isOwn = one.metadata.namespace === own
      const texts = textsOf(one)
      const keys = wanted.filter(
        ([key, value]) => (isOwn || !shared.includes(key)) && texts.some((text) => isWithin(value, text)),
      )
      return keys.map(([key]) => `${nameOf(one)} has ${key}`)
    })
    const { revisions, damaged } = decodeAll(objects)
    const recorded = revisions.flatMap((one) => {
      const text = JSON.stringify(one)
      const keys = wanted.filter(([key, value]) => !shared.includes(key) && isWithin(value, text))
      return keys.map(([key]) => `revision ${one.number} of ${one.module} has ${key}`)
    })
    const found = [...copies, ...recorded]
    if (found.length === 0 && damaged.length > 0)
      return warning(
        few(
          damaged.map((one) => `Secret ${one.name} cannot be read`),
          5,
        ),
      )
    return found.length === 0
      ? passed(
          `${wanted.length} values in none of ${objects.length} Secrets and ConfigMaps, revisions included`,
        )
      : failed(few(found, 5))
  },
})

/** What an object of one of these kinds has: its data as it is and unpacked, and its annotations. */
function textsOf(one: LiveObject): string[] {
  const { data = {}, binaryData = {} } = one as { data?: Record<string, string>; binaryData?: typeof data }
  const isSecret = one.kind === 'Secret'
  const bytes = [
    ...Object.values(data).map((text) => Buffer.from(text, isSecret ? 'base64' : 'utf8')),
    ...Object.values(binaryData).map((text) => Buffer.from(text, 'base64')),
  ]
  return [...bytes.flatMap(unpacked), JSON.stringify(one.metadata.annotations ?? {})]
}

/** Most bytes that a packed value is unpacked to. */
const mostUnpacked = 64 * 1024 * 1024

/** The text of some bytes; packed ones (gzip, as revisions; as base64, as releases of Helm) unpacked too. */
function unpacked(bytes: Buffer): string[] {
  const text = bytes.toString()
  const inner = text.startsWith('H4sI') ? Buffer.from(text, 'base64') : bytes
  if (inner[0] !== 0x1f || inner[1] !== 0x8b) return [text]
  try {
    return [text, gunzipSync(inner, { maxOutputLength: mostUnpacked }).toString()]
  } catch {
    // A part of a packed text: the whole of a revision is read by its own decoder.
    return [text]
  }
}
