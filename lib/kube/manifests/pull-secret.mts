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

/** What pods name in `imagePullSecrets`; undefined where images are pulled without an account. */
export const pullSecretName = ({ REGISTRY_SERVER }: RegistrySettings): string | undefined =>
  REGISTRY_SERVER === undefined ? undefined : name

/** The namespace of an application, and what its pods pull images with. */
export const applicationNamespace = (
  name: string,
  settings: RegistrySettings,
  podSecurity: PodSecurity = 'restricted',
): Manifest[] => [namespace(name, podSecurity), ...pullSecrets(name, settings)]

/** The pull Secret of one namespace; none where images are pulled without an account. */
export function pullSecrets(inNamespace: string, settings: RegistrySettings): Secret[] {
  const { REGISTRY_SERVER: server, REGISTRY_USER: username = '', REGISTRY_PASSWORD } = settings
  if (server === undefined || REGISTRY_PASSWORD === undefined) return []
  const password = REGISTRY_PASSWORD.reveal()
  // Known as a whole too: what it is wrapped in hides the password from redaction by its own forms.
  const auth = sensitive(Buffer.from(`${username}:${password}`).toString('base64')).reveal()
  // Docker Hub's own clients look under this address, whatever its images are called.
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
