import type { Deployment, Volume } from '../../lib/kube/types.mts'
import { audience } from './names.mts'
import { injectAnnotation } from './webhook.mts'

// What makes the injector put values of Vault into a pod, as files in memory. Pure. Mistakes in annotations are accepted
// by the injector without a word: they are made here only.

/** Where injected files are. */
export const secretsFolder = '/vault/secrets'

/** The volume with the token that is shown to Vault. No container of ours mounts it: the injector's own do. */
const tokenVolume = 'vault-token'

/** One value of Vault that becomes a file. */
export interface InjectedFile {
  /** The file's name: lower-case letters, digits, dashes. */
  readonly name: string
  /** The path for reading it, with /data/: kv/data/keybuzz/check. */
  readonly path: string
  /** The field of that path. */
  readonly field: string
}

/** What one pod gets. */
export interface Injection {
  /** The role in Vault. */
  readonly role: string
  /** The container that gets the files. */
  readonly container: string
  /** uid and gid of that container: only they read the files. */
  readonly user: number
  readonly files: readonly InjectedFile[]
  /** Seconds until a changed value is in its file. */
  readonly intervalSeconds: number
}

/** A Deployment whose pods ask for injection. */
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
  // The dashes cut the newline: a password with one at its end is a wrong password.
  [
    named(`agent-inject-template-${name}`),
    `{{- with secret "${path}" -}}{{ .Data.data.${field} }}{{- end -}}`,
  ],
  // Without it a missing field becomes the text <no value>, and the pod starts with that.
  [named(`error-on-missing-key-${name}`), 'true'],
  [named(`agent-inject-perms-${name}`), '0400'],
]

const token: Volume = {
  name: tokenVolume,
  projected: {
    sources: [{ serviceAccountToken: { path: 'token', audience, expirationSeconds: 3600 } }],
  },
}
