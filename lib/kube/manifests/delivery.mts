import type { Sensitive } from '../../base/sensitive.mts'
import { mountOf, usesVault, type AuthMount, type VaultConnection } from '../../settings/platform-vault.mts'
import type { Settings } from '../../settings/settings.mts'
import type { Deployment, EnvVar, Job, Manifest, PodSpec, PodTemplateSpec, StatefulSet } from '../types.mts'
import { injected, secretsFolder, type InjectedFile } from './injection.mts'
import { labelled } from './injection-label.mts'
import { secretEnv, sha256, type PodSecurity } from './objects.mts'
import { envFromSecret } from './pods.mts'
import { applicationNamespace, type RegistrySettings } from './pull-secret.mts'

// How the pods of one module get their secret values: from Secrets, or from Vault as files. A module declares both by
// the same calls; only what they return depends on its setting SECRETS. Pure.

/** Where one module keeps its values in Vault, and by whose login its pods read them. */
export interface VaultPlace {
  /** Where its pods log in. */
  readonly mount: AuthMount
  /** Its namespace, and the service account of its pods there. */
  readonly namespace: string
  readonly account: string
  /** The role that is bound to that account, and its policy: unique among those of all clusters that use this Vault. */
  readonly role: string
  readonly policy: string
  /** The path of its values in Vault's API: kv/data/keybuzz/n8n-staging. */
  readonly path: string
}

/** @param account the service account of a module's pods @param namespace of the module: `n8n-staging` */
export const placeIn = (settings: VaultConnection, namespace: string, account: string): VaultPlace => ({
  mount: mountOf(settings),
  namespace,
  account,
  role: `keybuzz-${namespace}`,
  policy: `keybuzz-${settings.VAULT_AUTH_PATH}-${namespace}`,
  path: `${settings.VAULT_KV_MOUNT}/data/${settings.VAULT_KV_PREFIX}/${namespace}`,
})

/** What an uninstall leaves in Vault: one line, or none for a module with Secrets. */
export const staysInVault = ({ place }: Delivery): string[] =>
  place === undefined ? [] : [`in Vault: values ${place.path}, role ${place.role}, policy ${place.policy}`]

/** How one module's pods get their values. */
export interface Delivery {
  readonly namespace: string
  /** Undefined: from Kubernetes Secrets. */
  readonly place: VaultPlace | undefined
  /** Changes when an agent must be created anew: it keeps the address and the CA with which it was created. */
  readonly agent: string
}

/** @param account the service account of the module's pods @param namespace of the module: `n8n-staging` */
export function deliveryOf(settings: Settings, namespace: string, account: string): Delivery {
  if (!usesVault(settings)) return { namespace, place: undefined, agent: '' }
  const vault = settings as unknown as VaultConnection
  const { VAULT_ADDR, VAULT_NAMESPACE, VAULT_AUTH_PATH, VAULT_CA } = vault
  const agent = sha256([VAULT_ADDR, VAULT_NAMESPACE, VAULT_AUTH_PATH, VAULT_CA?.reveal()]).slice(0, 16)
  return { namespace, place: placeIn(vault, namespace, account), agent }
}

/** The Namespace of an application with its pull Secret; with Vault, labelled for injection, and its service account. */
export function deliveryNamespace(
  { namespace, place }: Delivery,
  settings: RegistrySettings,
  podSecurity?: PodSecurity,
): Manifest[] {
  const objects = applicationNamespace(namespace, settings, podSecurity)
  if (place === undefined) return objects
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: place.account } }
  return [...objects.map(labelled), account]
}

/** One Secret with these values, by the settings' keys; none with Vault. */
export const deliverySecret = (
  { namespace, place }: Delivery,
  name: string,
  values: Readonly<Record<string, Sensitive | undefined>>,
): Manifest[] => (place === undefined ? [secretEnv(namespace, name, values)] : [])

/** The ending of a variable that holds the path of a file with the value. */
const fileEnding = '_FILE'

/**
 * Variables with values of one Secret; with Vault the paths of files, each under the variable's name with `_FILE`.
 * @param keys variable name to the Secret's key
 */
export const deliveryEnv = (
  { place }: Delivery,
  secret: string,
  keys: Readonly<Record<string, string>>,
): EnvVar[] =>
  place === undefined
    ? envFromSecret(secret, keys)
    : Object.entries(keys).map(([name, key]) => ({
        name: `${name}${fileEnding}`,
        value: `${secretsFolder}/${fileNameOf(key)}`,
      }))

/** The file's name for a key: names of annotations, which files are named after, are lower-cased by the injector. */
export const fileNameOf = (key: string): string => key.toLowerCase()
/** The key of a file, as fileNameOf named it. Keys are upper-case words (validated where operators name them). */
export const keyOfFile = (name: string): string => name.toUpperCase()

/**
 * A container's command for a program that reads variables, not files: a shell reads each file into its variable, by
 * its own words alone, and then becomes the program. The container ends when a file is missing or empty.
 * @param env the container's variables
 * @param program the entrypoint of its image; the container's arguments follow it
 * @returns undefined when no variable names a file: the image's own entrypoint is used
 */
export function readingFiles(
  { place }: Delivery,
  env: readonly EnvVar[],
  program: readonly string[],
): string[] | undefined {
  if (place === undefined) return undefined
  const names = filesIn(env).map(({ variable }) => variable.slice(0, -fileEnding.length))
  if (names.length === 0) return undefined
  const lines = names.map((name) => readingOne(name))
  return ['/bin/sh', '-c', [...lines, 'exec "$@"'].join('\n'), 'sh', ...program]
}

/** Reads all lines of a file into a variable, the last one without a newline too: the image may have no `cat`. */
const readingOne = (name: string): string =>
  [
    `${name}= end=; while IFS= read -r line || [ -n "$line" ]; do ${name}=$${name}$end$line end='`,
    `'; done <"$${name}${fileEnding}"; [ -n "$${name}" ] || exit 1; export ${name}; unset ${name}${fileEnding} line end`,
  ].join('\n')

/** Seconds until a changed value is in its file. Programs read their files when they start. */
export const intervalSeconds = 60

/** Milliseconds for which files may differ: an agent writes a changed value within its interval. */
export const settlingMs = (intervalSeconds + 15) * 1000

/** The annotation by which pods are created anew for another Vault. */
const agentAnnotation = 'keybuzz.io/vault-agent'

/**
 * A workload whose pods get the files that their variables name; unchanged without Vault, or when none does.
 * @param forGroup keys whose files containers of another uid read too
 */
export function delivered<W extends Deployment | StatefulSet | Job>(
  { place, agent }: Delivery,
  one: W,
  forGroup: readonly string[] = [],
): W {
  const template = one.spec?.template
  const pod = template?.spec
  const asked = pod === undefined ? [] : filesOf(pod)
  if (place === undefined || pod === undefined || asked.length === 0) return one
  const files: InjectedFile[] = asked.map((name) => ({
    name,
    path: place.path,
    field: keyOfFile(name),
    forGroup: forGroup.includes(keyOfFile(name)),
  }))
  const made = injected(template, {
    mount: place.mount,
    role: place.role,
    containers: pod.containers.filter(({ env = [] }) => filesIn(env).length > 0).map(({ name }) => name),
    user: pod.securityContext?.runAsUser ?? 0,
    files,
    intervalSeconds,
    ends: one.kind === 'Job',
  })
  const annotations = { ...made.metadata?.annotations, [agentAnnotation]: agent }
  // Kubernetes copies the account into the older field of the same meaning. A field that nobody declared outlives the
  // declaration, and would bring the account back once the pods need it no more (kubernetes/kubernetes#108208).
  const spec = { ...made.spec, serviceAccountName: place.account, serviceAccount: place.account }
  return {
    ...one,
    spec: { ...one.spec, template: { metadata: { ...made.metadata, annotations }, spec } as PodTemplateSpec },
  }
}

/** Variables that name an injected file, and that file's name. */
const filesIn = (env: readonly EnvVar[]): { variable: string; file: string }[] =>
  env.flatMap(({ name, value = '' }) =>
    value.startsWith(`${secretsFolder}/`)
      ? [{ variable: name, file: value.slice(secretsFolder.length + 1) }]
      : [],
  )

/** The names of all files that the containers of a pod read, each once. */
const filesOf = ({ containers, initContainers = [] }: PodSpec): string[] => [
  ...new Set(
    [...initContainers, ...containers].flatMap(({ env = [] }) => filesIn(env).map(({ file }) => file)),
  ),
]
