import type { Manifest, Secret } from '../types.mts'
import { namespace, type PodSecurity } from './objects.mts'
import { sensitive, type Sensitive } from '../../base/sensitive.mts'

/** The settings of a private image registry, as settings/platform-backends.mts declares them. */
export interface RegistrySettings {
  readonly REGISTRY_SERVER?: string | undefined
  readonly REGISTRY_USER?: string | undefined
  readonly REGISTRY_PASSWORD?: Sensitive | undefined
}

/** The name of the pull Secret in every namespace that has one. */
const name = 'registry'

/** The Secret's name for `imagePullSecrets`; undefined when images are pulled without an account. */
export const pullSecretName = ({ REGISTRY_SERVER }: RegistrySettings): string | undefined =>
  REGISTRY_SERVER === undefined ? undefined : name

/** The Namespace of an application, and the pull Secret in it, if there is one. */
export const applicationNamespace = (
  name: string,
  settings: RegistrySettings,
  podSecurity: PodSecurity = 'restricted',
): Manifest[] => [namespace(name, podSecurity), ...pullSecrets(name, settings)]

/** The pull Secret of one namespace; empty when images are pulled without an account. */
export function pullSecrets(inNamespace: string, settings: RegistrySettings): Secret[] {
  const { REGISTRY_SERVER: server, REGISTRY_USER: username = '', REGISTRY_PASSWORD } = settings
  if (server === undefined || REGISTRY_PASSWORD === undefined) return []
  const password = REGISTRY_PASSWORD.reveal()
  // Registered too: redact does not find the password's own forms within the base64 of `user:password`.
  const auth = sensitive(Buffer.from(`${username}:${password}`).toString('base64')).reveal()
  // Clients look for Docker Hub's credentials under this URL, although its images are called docker.io/...
  const key = server === 'docker.io' ? 'https://index.docker.io/v1/' : server
  const config = sensitive(JSON.stringify({ auths: { [key]: { username, password, auth } } }))
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: inNamespace, name },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from(config.reveal()).toString('base64') },
    },
  ]
}
