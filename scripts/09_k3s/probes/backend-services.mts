import type { Manifest, Volume } from '../../../lib/kube/types.mts'
import { inEnvironment } from '../../../lib/base/names.mts'
import { namespace } from '../../../lib/kube/manifests/objects.mts'
import { pullSecretName, pullSecrets } from '../../../lib/kube/manifests/pull-secret.mts'
import { backendAddresses } from '../../../lib/settings/platform-backends.mts'
import type { Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'
import { probeNamespace, single } from './probe.mts'

// Objects for applications, created before the first of them.

/** A ConfigMap with host and port of every backend, by the names of their settings: no user, no password. Pure. */
export function backendServices(settings: K3sSettings): Manifest[] {
  const home = inEnvironment('keybuzz', settings.ENV, '-')
  const keys = backendAddresses.map(({ key }) => key)
  const hosts = keys.filter((key) => key.endsWith('_HOST') && settings[key] !== undefined)
  const data = Object.fromEntries(
    hosts.flatMap((host) =>
      [host, host.replace(/_HOST$/, '_PORT')].flatMap((key) =>
        settings[key] === undefined ? [] : [[key, String(settings[key])]],
      ),
    ),
  )
  if (hosts.length === 0) return []
  return [
    namespace(home),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: home, name: 'backend-services' },
      data,
    } as Manifest,
  ]
}

/** The first image of these from the private registry, a chart being none; undefined without one. Pure. */
export const privateImage = (versions: Versions, server: string | undefined): string | undefined =>
  Object.values(versions)
    .map(({ image, chart }) => (chart === undefined ? image : undefined))
    .find((image) => server !== undefined && image?.startsWith(`${server}/`))

/**
 * A pod that has an image of the private registry as a volume: the image is pulled with the registry's account, and
 * nothing in it is run. Empty when no registry is set, or no image comes from it. Pure.
 * @param image of the probes, which is the one that runs
 */
export function pullProof(settings: K3sSettings, versions: Versions, image: string): Manifest[] {
  const reference = privateImage(versions, settings.REGISTRY_SERVER)
  if (reference === undefined) return []
  const pulled: Volume = { name: 'pulled', image: { reference, pullPolicy: 'Always' } }
  return [...pullSecrets(probeNamespace, settings), single('pull', image, pulled, pullSecretName(settings))]
}
