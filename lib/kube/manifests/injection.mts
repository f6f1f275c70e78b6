import type { AuthMount } from '../../settings/platform-vault.mts'
import type { Container, PodSpec, PodTemplateSpec, Volume } from '../types.mts'

// The annotations by which the injector writes values of Vault into a pod, as files in memory. Pure. The injector
// accepts wrong annotations without an error: they are built here only.

/** The folder of injected files. */
export const secretsFolder = '/vault/secrets'

/** The audience of the tokens with which pods log in to Vault. */
export const audience = 'vault'

/** The annotation by which a pod requests injection. */
export const injectAnnotation = 'vault.hashicorp.com/agent-inject'

/** The annotation with the address of Vault, of a pod that does not use the injector's own. */
export const serviceAnnotation = 'vault.hashicorp.com/service'

/** The MutatingWebhookConfiguration; the injector writes its own CA into it. */
export const webhookName = 'keybuzz-vault-injector'
/** The namespace and the name of the injector's Deployment. */
export const injectorAt = { namespace: 'vault-injector', name: 'vault-injector' } as const

/** The containers that the injector adds to a pod; the second one runs beside the application. */
export const agents = { init: 'vault-agent-init', beside: 'vault-agent' } as const

/** What each of these containers requests and may use; the injector is told so. */
export const agentResources = {
  requests: { cpu: '50m', memory: '64Mi' },
  limits: { cpu: '250m', memory: '128Mi' },
} as const

/** The annotation of a pod that ends by itself: no agent runs beside it. */
const populateOnly = 'vault.hashicorp.com/agent-pre-populate-only'

/** The volume with the token for the login to Vault. Only the containers that the injector adds mount it. */
const tokenVolume = 'vault-token'
/** The token's file in the folder of that volume. */
const tokenFile = 'token'
/** Where the injector mounts that volume, in its own containers only (vault-k8s, agent.go). */
const tokenFolder = '/var/run/secrets/vault.hashicorp.com/serviceaccount'

/** One value of Vault that becomes a file. */
export interface InjectedFile {
  /** The file's name: lower-case letters, digits, dashes, underscores. */
  readonly name: string
  /** The path of its API, with /data/: kv/data/keybuzz/check. */
  readonly path: string
  /** The field of that path. */
  readonly field: string
  /** True for a file that containers of another uid read too, by the pod's fsGroup. */
  readonly forGroup?: boolean
}

/** The injection of one pod. */
export interface Injection {
  /** Where the pod logs in. */
  readonly mount: AuthMount
  /** The role in Vault. */
  readonly role: string
  /** The containers that get the files; init containers always get them. */
  readonly containers: readonly string[]
  /** uid and gid of these containers: only they may read the files. */
  readonly user: number
  readonly files: readonly InjectedFile[]
  /** Seconds until a changed value is in its file. */
  readonly intervalSeconds: number
  /** True for a pod that ends by itself: no agent runs beside it. */
  readonly ends?: boolean
}

/** A pod template with annotations and a volume for injection. @throws Error for a template without a pod */
export function injected(template: PodTemplateSpec | undefined, injection: Injection): PodTemplateSpec {
  if (template?.spec === undefined) throw new Error('a workload without pods')
  const { metadata, spec: pod } = template
  return {
    metadata: {
      ...metadata,
      annotations: { ...metadata?.annotations, ...annotations(injection) },
    },
    spec: { ...pod, volumes: [...(pod.volumes ?? []), token] },
  }
}

/**
 * The pod of a template as the scheduler meets it: with the containers that the injector adds when the template requests
 * injection. Undefined for a template without a pod.
 */
export function withAgents({ metadata, spec }: PodTemplateSpec): PodSpec | undefined {
  const given = metadata?.annotations ?? {}
  if (spec === undefined || given[injectAnnotation] !== 'true') return spec
  const agent = (name: string): Container => ({ name, resources: agentResources })
  const beside = given[populateOnly] === 'true' ? [] : [agent(agents.beside)]
  return {
    ...spec,
    initContainers: [agent(agents.init), ...(spec.initContainers ?? [])],
    containers: [...spec.containers, ...beside],
  }
}

/** The annotations of such a pod. */
export const annotations = ({
  mount,
  role,
  containers,
  user,
  files,
  intervalSeconds,
  ends = false,
}: Injection): Record<string, string> => ({
  [injectAnnotation]: 'true',
  ...ofLogin(mount),
  [named('role')]: role,
  [named('agent-service-account-token-volume-name')]: tokenVolume,
  [named('agent-inject-containers')]: containers.join(','),
  [named('agent-init-first')]: 'true',
  [named('agent-run-as-user')]: String(user),
  [named('agent-run-as-group')]: String(user),
  // With an agent beside it a Job would never end.
  ...(ends
    ? { [populateOnly]: 'true' }
    : {
        [named('template-static-secret-render-interval')]: `${intervalSeconds}s`,
        // Unless told so, the agent beside an application ends after five minutes of retries, and the pod is not ready
        // until it runs again: while Vault is away in every pod at once, while a value is gone from Vault again and
        // again. A new pod still never starts without its values: an error keeps the first agent from ending, and it
        // tries again until Vault has them. A Job's agent ends, so that the Job fails and names the cause.
        [named('template-config-exit-on-retry-failure')]: 'false',
      }),
  ...(Object.fromEntries(files.flatMap(ofFile)) as Record<string, string>),
})

const named = (word: string): string => `vault.hashicorp.com/${word}`

/**
 * The annotations of the login. Type and path are given for either method: an injector that is being replaced by one of
 * another method still answers for seconds, and would give a pod its own. For jwt the agent ends without a path of its
 * token's file (`missing 'path' value`), and would remove that file once it has read it, unless told otherwise; the injector
 * makes underscores of the dashes after `auth-config-` (vault-k8s 1.7.6, authConfig of annotations.go).
 *
 * An agent of type kubernetes logs in at a path of the method jwt as well: both types send role and token to
 * `PATH/login` (kubernetes.go and jwt.go of the agent; tried with OpenBao 2.7.2). It is not relied upon: documented for
 * that method is its own type.
 */
const ofLogin = ({ method, path }: AuthMount): Record<string, string> => ({
  [named('auth-type')]: method,
  [named('auth-path')]: `auth/${path}`,
  ...(method === 'jwt'
    ? {
        [named('auth-config-path')]: `${tokenFolder}/${tokenFile}`,
        [named('auth-config-remove-jwt-after-reading')]: 'false',
      }
    : {}),
})

/** The beginning of the annotation of each file, which ends with its name. */
const asksFor = named('agent-inject-secret-')

const ofFile = ({ name, path, field, forGroup = false }: InjectedFile): [string, string][] => [
  [`${asksFor}${name}`, path],
  // The dashes remove newlines: a password with one at its end would be wrong.
  [
    named(`agent-inject-template-${name}`),
    `{{- with secret "${path}" -}}{{ .Data.data.${field} }}{{- end -}}`,
  ],
  // Without it a missing field becomes the text <no value>, and the pod starts with it.
  [named(`error-on-missing-key-${name}`), 'true'],
  [named(`agent-inject-perms-${name}`), forGroup ? '0440' : '0400'],
]

/** The names of the files that a pod asks for, by its annotations. */
export const filesAskedBy = (all: Readonly<Record<string, string>> = {}): string[] =>
  Object.keys(all).flatMap((key) => (key.startsWith(asksFor) ? [key.slice(asksFor.length)] : []))

/** Most characters of a file's name: with the longest word before it, it is the name of an annotation. */
export const mostFileName = 63 - 'agent-inject-template-'.length

const token: Volume = {
  name: tokenVolume,
  projected: {
    sources: [{ serviceAccountToken: { path: tokenFile, audience, expirationSeconds: 3600 } }],
  },
}
