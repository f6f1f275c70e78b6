import { caSecrets } from '../../lib/kube/manifests/backend-trust.mts'
import { deliveryNamespace, deliverySecret } from '../../lib/kube/manifests/delivery.mts'
import { published, tlsOf } from '../../lib/kube/manifests/ingress.mts'
import { autoscaled, configMap, selector, service } from '../../lib/kube/manifests/objects.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { configurationFile } from './configuration.mts'
import { deliveryTo, port, secretName, secrets } from './environment.mts'
import { deploymentOf, names } from './names.mts'
import { configurationName, configurationOf, supersetDeployment, type Images } from './pods.mts'
import type { SupersetSettings } from './settings.mts'

/**
 * The namespace with its pull Secret, superset_config.py, the Secret that every process reads unless they read files of
 * Vault, and the CAs' Secret.
 */
export function prerequisites(settings: SupersetSettings): Manifest[] {
  const namespace = names.namespace(settings.ENV)
  return [
    ...deliveryNamespace(deliveryTo(settings), settings),
    configMap(namespace, configurationName, { [configurationFile]: configurationOf(settings) }),
    ...deliverySecret(deliveryTo(settings), secretName, secrets(settings)),
    ...caSecrets(namespace, settings),
  ]
}

/** gunicorn and Celery's workers, two pods or more of each, and exactly one beat. */
export function workload(settings: SupersetSettings, images: Images): Manifest[] {
  const web = supersetDeployment(settings, images, 'web')
  const worker = supersetDeployment(settings, images, 'worker')
  return [
    service(names.namespace(settings.ENV), deploymentOf('web'), selector('superset', 'web'), port),
    web,
    worker,
    supersetDeployment(settings, images, 'beat'),
    ...autoscaled(web, { most: settings.SUPERSET_WEB_MAX, cpuPercent: 75 }),
    ...autoscaled(worker, { most: settings.SUPERSET_WORKERS_MAX, cpuPercent: 75 }),
  ]
}

/** One Ingress: everything goes to gunicorn. Sessions are in a signed cookie, which every pod accepts. */
export const ingress = (settings: SupersetSettings): Manifest[] =>
  published({
    namespace: names.namespace(settings.ENV),
    name: 'superset',
    host: settings.SUPERSET_HOST,
    ingressClass: settings.INGRESS_CLASS,
    paths: [['/', deploymentOf('web'), port]],
    annotations: {
      // Uploads of tables and imports of dashboards are large; a chart may take two minutes.
      'proxy-body-size': '100m',
      'proxy-read-timeout': '300',
      'proxy-send-timeout': '300',
    },
    tls: tlsOf(settings),
  })
