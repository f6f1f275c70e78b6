import type { Sensitive } from '../../lib/base/sensitive.mts'
import { deliveryEnv, deliveryOf, fileNameOf, type Delivery } from '../../lib/kube/manifests/delivery.mts'
import { mostFileName } from '../../lib/kube/manifests/injection.mts'
import type { EnvVar } from '../../lib/kube/types.mts'
import { isPublicValue } from '../../lib/settings/env-values.mts'
import { usesVault } from '../../lib/settings/platform-vault.mts'
import { apiSecrets, fileOf, ownValues } from './environment.mts'
import { identity, nameOf, names, type Part } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

// The secret values of API and front where they are files of Vault: one path for both, each pod with its own files.

/** How pods get secret values: from Secrets, or from Vault as files. */
export const deliveryTo = (settings: KeybuzzSettings): Delivery =>
  deliveryOf(settings, names.namespace(settings.ENV), identity.slug)

/** Begins the keys of a part's own variables: both files may have one name, and no setting's key has two underscores. */
const prefixOf = (part: Part): string => `${part.toUpperCase()}__`

/** The key in Vault of a variable of the operator's file: `API__STRIPE_KEY`. */
const keyOf = (part: Part, name: string): string => `${prefixOf(part)}${name}`

/** The variables of a part's file that have a value, by name. No file of Vault is empty. */
const withValue = (settings: KeybuzzSettings, part: Part): [string, Sensitive][] =>
  Object.entries(ownValues(settings, part)).filter(([, value]) => value.reveal() !== '')

/** What the Secrets have, or Vault in their place. @throws KitError exit 2, see ownValues */
export const kept = (settings: KeybuzzSettings): Record<string, Sensitive | undefined> => ({
  ...apiSecrets(settings),
  ...keptOf(settings, 'api'),
  ...keptOf(settings, 'front'),
})

/** A part's file, from which a lost one is restored, and each of its values. */
const keptOf = (settings: KeybuzzSettings, part: Part): Record<string, Sensitive | undefined> =>
  Object.keys(ownValues(settings, part)).length === 0
    ? {}
    : {
        ...fileOf(settings, part),
        ...Object.fromEntries(
          withValue(settings, part).map(([name, value]) => [keyOf(part, name), value] as const),
        ),
      }

/**
 * The variables of a part's file, each with the path of its file; none without Vault. In the order of their names: the
 * shell reads X by the variable X_FILE, so that an operator's own X_FILE comes after it.
 * @throws KitError exit 2, see ownValues
 */
export function ownVariables(settings: KeybuzzSettings, part: Part): EnvVar[] {
  if (!usesVault(settings)) return []
  const read = withValue(settings, part).map(([name]) => name)
  const keys = Object.fromEntries(read.toSorted().map((name) => [name, keyOf(part, name)]))
  const empty = Object.keys(ownValues(settings, part)).filter((name) => !read.includes(name))
  return [
    ...deliveryEnv(deliveryTo(settings), nameOf(part), keys),
    ...empty.map((name) => ({ name, value: '' })),
  ]
}

/** The words of the ENTRYPOINT and of the CMD of a part's image; each none unless set. */
export function startedBy(
  settings: KeybuzzSettings,
  part: Part,
): { entrypoint: string[]; command: string[] } {
  const [entrypoint, command] =
    part === 'api'
      ? [settings.API_ENTRYPOINT, settings.API_COMMAND]
      : [settings.FRONT_ENTRYPOINT, settings.FRONT_COMMAND]
  return { entrypoint: entrypoint?.split(' ') ?? [], command: command?.split(' ') ?? [] }
}

/** Variables that a shell may hold for itself and refuse to set. */
const ofShells = new Set(['BASHOPTS', 'EUID', 'PPID', 'SHELLOPTS', 'UID'])

/** What cannot be had from Vault: one sentence each. @throws KitError exit 2, see ownValues */
export const problemsInVault = (settings: KeybuzzSettings): string[] =>
  usesVault(settings)
    ? (['api', 'front'] as const).flatMap((part) => [
        ...startProblems(settings, part),
        ...nameProblems(settings, part),
      ])
    : []

function startProblems(settings: KeybuzzSettings, part: Part): string[] {
  const { entrypoint, command } = startedBy(settings, part)
  const reads = part === 'api' || withValue(settings, part).length > 0
  const word = part.toUpperCase()
  return reads && entrypoint.length + command.length === 0
    ? [
        `SECRETS=vault starts the ${part} by a shell: set ${word}_COMMAND to the CMD of its image, and ${word}_ENTRYPOINT if it has one`,
      ]
    : []
}

function nameProblems(settings: KeybuzzSettings, part: Part): string[] {
  const file = `10_keybuzz.${part}.env`
  const most = mostFileName - fileNameOf(prefixOf(part)).length
  return withValue(settings, part).flatMap(([name]) => [
    ...(name.length > most
      ? [`${name} in ${file} has more than ${most} characters, the most that SECRETS=vault has room for`]
      : []),
    ...(name.endsWith('_')
      ? [`${name} in ${file} ends with _, which SECRETS=vault cannot name a file after`]
      : []),
    ...(ofShells.has(name) ? [`${name} in ${file} cannot be set by a shell, as SECRETS=vault does`] : []),
  ])
}

/** True for a value of the operator's files that is no secret by its name and its form. */
export function isPublic(key: string, value: Sensitive): boolean {
  const prefix = (['api', 'front'] as const).map(prefixOf).find((one) => key.startsWith(one))
  return prefix !== undefined && isPublicValue(key.slice(prefix.length), value.reveal())
}
