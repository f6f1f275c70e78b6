import type { Deployment, Volume } from '../../lib/kube/types.mts'
import { audience } from './names.mts'
import { injectAnnotation } from './webhook.mts'

// The annotations by which the injector writes values of Vault into a pod, as files in memory. Pure. The injector
// accepts wrong annotations without an error: they are built here only.

/** The folder of injected files. */
export const secretsFolder = '/vault/secrets'

/** The volume with the token for the login to Vault. Only the containers that the injector adds mount it. */
const tokenVolume = 'vault-token'

/** One value of Vault that becomes a file. */
export interface InjectedFile {
  /** The file's name: lower-case letters, digits, dashes. */
  readonly name: string
  /** The path of its API, with /data/: kv/data/keybuzz/check. */
  readonly path: string
  /** The field of that path. */
  readonly field: string
}

/** The injection of one pod. */
export interface Injection {
  /** The role in Vault. */
  readonly role: string
  /** The container that gets the files. */
  readonly container: string
  /** uid and gid of that container: only they may read the files. */
  readonly user: number
  readonly files: readonly InjectedFile[]
  /** Seconds until a changed value is in its file. */
  readonly intervalSeconds: number
}

/** The Deployment with annotations and a volume for injection. @throws Error for a Deployment without a pod */
export function injected(one: Deployment, injection: Injection): Deployment {
  const { spec } = one
  if (spec?.template.spec === undefined) throw new Error('a Deployment without pods')
  const { metadata, spec: pod } = spec.template
  return {
    ...one,
    spec: {
      ...spec,
      template: {
        metadata: {
          ...metadata,
          annotations: { ...metadata?.annotations, ...annotations(injection) },
        },
        spec: { ...pod, volumes: [...(pod.volumes ?? []), token] },
      },
    },
  }
}

/** The annotations of such a pod. */
export const annotations = ({
  role,
  container,
  user,
  files,
  intervalSeconds,
}: Injection): Record<string, string> => ({
  [injectAnnotation]: 'true',
  [named('role')]: role,
  [named('agent-service-account-token-volume-name')]: tokenVolume,
  [named('agent-inject-containers')]: container,
  [named('agent-init-first')]: 'true',
  [named('agent-run-as-user')]: String(user),
  [named('agent-run-as-group')]: String(user),
  [named('template-static-secret-render-interval')]: `${intervalSeconds}s`,
  ...(Object.fromEntries(files.flatMap(ofFile)) as Record<string, string>),
})

const named = (word: string): string => `vault.hashicorp.com/${word}`

const ofFile = ({ name, path, field }: InjectedFile): [string, string][] => [
  [named(`agent-inject-secret-${name}`), path],
  // The dashes remove newlines: a password with one at its end would be wrong.
  [
    named(`agent-inject-template-${name}`),
    `{{- with secret "${path}" -}}{{ .Data.data.${field} }}{{- end -}}`,
  ],
  // Without it a missing field becomes the text <no value>, and the pod starts with it.
  [named(`error-on-missing-key-${name}`), 'true'],
  [named(`agent-inject-perms-${name}`), '0400'],
]

const token: Volume = {
  name: tokenVolume,
  projected: {
    sources: [{ serviceAccountToken: { path: 'token', audience, expirationSeconds: 3600 } }],
  },
}
