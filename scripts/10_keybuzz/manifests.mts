import { caSecrets, casOf } from '../../lib/kube/manifests/backend-trust.mts'
import { delivered, deliveryNamespace, deliverySecret } from '../../lib/kube/manifests/delivery.mts'
import { limitedBody, published, tlsOf } from '../../lib/kube/manifests/ingress.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { autoscaled, configMap, selector, service } from '../../lib/kube/manifests/objects.mts'
import { deployment } from '../../lib/kube/manifests/pods.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'
import { itemsOf } from '../../lib/settings/validators.mts'
import { apiSecrets, apiValues, fileOf, frontValues, ownValues } from './environment.mts'
import { deliveryTo } from './in-vault.mts'
import { type Images, type Part, hostOf, nameOf, names, portOf } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'
import { podOf, server } from './pods.mts'

/** The namespace, and its pull Secret if there is one; with Vault, the service account of its pods. */
export const prerequisites = (settings: KeybuzzSettings): Manifest[] =>
  deliveryNamespace(deliveryTo(settings), settings)

/**
 * The ConfigMap that a part reads at its start, and the Secrets unless it reads files of Vault; the migration reads those
 * of the API.
 * @throws KitError exit 2, see ownValues
 */
export function configuration(settings: KeybuzzSettings, part: Part): Manifest[] {
  const [space, name] = [names.namespace(settings.ENV), nameOf(part)]
  const delivery = deliveryTo(settings)
  const own = ownValues(settings, part)
  return [
    configMap(space, name, part === 'api' ? apiValues(settings) : frontValues(settings)),
    ...(part === 'api'
      ? [...deliverySecret(delivery, name, apiSecrets(settings)), ...caSecrets(space, settings)]
      : []),
    ...(Object.keys(own).length === 0
      ? []
      : // No pod reads the second one: a lost file is restored from it.
        [
          ...deliverySecret(delivery, `${name}-env`, own),
          ...deliverySecret(delivery, `${name}-file`, fileOf(settings, part)),
        ]),
  ]
}

/** The Service, Deployment and autoscaling of a part. @throws KitError exit 2, see ownValues */
export function workload(settings: KeybuzzSettings, images: Images, part: Part): Manifest[] {
  const [space, name] = [names.namespace(settings.ENV), nameOf(part)]
  const labels = selector('keybuzz', part)
  const one = deployment({
    namespace: space,
    name,
    labels,
    pod: podOf(settings, part, labels, server(settings, images, part)),
    restartOn: readAtStart(settings, part),
  })
  const most = part === 'api' ? settings.API_REPLICAS_MAX : settings.FRONT_REPLICAS_MAX
  return [
    service(space, name, labels, portOf(settings, part)),
    delivered(deliveryTo(settings), one),
    ...autoscaled(one, { most, cpuPercent: 70 }),
  ]
}

/** Maximum size of a request body in MiB, for both public names. */
export const bodyMebibytes = 50

/** The Ingresses of the two public names. */
export const ingress = (settings: KeybuzzSettings): Manifest[] =>
  (['api', 'front'] as const).flatMap((part) =>
    published({
      namespace: names.namespace(settings.ENV),
      name: nameOf(part),
      host: hostOf(settings, part),
      ingressClass: settings.INGRESS_CLASS,
      paths: [['/', nameOf(part), portOf(settings, part)]],
      annotations: {
        ...limitedBody(`${bodyMebibytes}m`),
        'proxy-read-timeout': '300',
        'proxy-send-timeout': '300',
        ...(part === 'api' ? cors(settings) : {}),
      },
      tls: tlsOf(settings, part === 'api' ? 'API_' : 'FRONT_'),
    }),
  )

const cors = ({ API_CORS_ORIGINS: origins }: KeybuzzSettings): Record<string, string> =>
  origins === undefined
    ? {}
    : {
        'enable-cors': 'true',
        'cors-allow-origin': itemsOf(origins).join(','),
        'cors-allow-credentials': 'true',
        'cors-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
        'cors-allow-headers': 'Authorization,Content-Type,X-Requested-With,X-CSRF-Token',
        'cors-max-age': '600',
      }

/** The values whose change must restart the pods. */
const readAtStart = (settings: KeybuzzSettings, part: Part): unknown => {
  const secrets: Record<string, Sensitive> = {
    ...(part === 'api' ? { ...apiSecrets(settings), ...casOf(settings) } : {}),
    ...ownValues(settings, part),
  }
  return [
    part === 'api' ? apiValues(settings) : frontValues(settings),
    Object.entries(secrets).map(([key, value]) => [key, value.reveal()]),
  ]
}
