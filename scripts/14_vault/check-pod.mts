import { selector } from '../../lib/kube/manifests/objects.mts'
import { container, deployment, podDefaults, resources } from '../../lib/kube/manifests/pods.mts'
import { applicationNamespace, pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import type { Deployment, Manifest } from '../../lib/kube/types.mts'
import { labelled } from '../../lib/kube/manifests/injection-label.mts'
import { injected, type Injection } from '../../lib/kube/manifests/injection.mts'
import { mountOf } from '../../lib/settings/platform-vault.mts'
import { checkFile, checkName, checkNamespace, type Images } from './names.mts'
import { checkPath, checkRole } from './roles.mts'
import type { VaultSettings } from './settings.mts'

// The pod of the checks, which gets one value of Vault: it proves every step from the login to the file.

/** The labels of the pod. */
export const checkLabels = selector(checkName, 'check')

/** uid and gid of its container, and of the agent's. */
const user = 100

/** Seconds until a changed value is in the file. */
export const intervalSeconds = 20

/** The namespace of the checks, labelled for injection, and the service account that logs in to Vault. */
export const checkAccount = (settings: VaultSettings): Manifest[] => [
  ...applicationNamespace(checkNamespace, settings).map(labelled),
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: checkNamespace, name: checkName } },
]

/** The Deployment of the pod, which becomes ready only with its file: not before Vault has the role of that account. */
export function checkPod(settings: VaultSettings, images: Images): Deployment {
  const { spec, ...one } = plain(settings, images)
  return {
    ...one,
    spec: { ...spec, template: injected(spec?.template, injectionOf(settings)) },
  } as Deployment
}

/** The injection of that pod. */
export const injectionOf = (settings: VaultSettings): Injection => ({
  mount: mountOf(settings),
  role: checkRole,
  containers: ['check'],
  user,
  files: [{ name: checkFile, path: checkPath(settings), field: 'value' }],
  intervalSeconds,
})

function plain(settings: VaultSettings, images: Images): Deployment {
  return deployment({
    namespace: checkNamespace,
    name: checkName,
    labels: checkLabels,
    replicas: 1,
    // The agent's containers keep the address and the CA with which they were created.
    restartOn: [
      settings.VAULT_ADDR,
      settings.VAULT_NAMESPACE,
      settings.VAULT_AUTH_PATH,
      settings.VAULT_CA?.reveal(),
    ],
    pod: {
      ...podDefaults({
        labels: checkLabels,
        user,
        graceSeconds: 5,
        scratch: {},
        pullSecret: pullSecretName(settings),
        containers: [
          container({
            name: 'check',
            image: images['vault-agent'],
            // The first process of a container receives only signals for which it has a handler.
            command: ['/bin/sh', '-c', "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
            resources: resources('10m', '16Mi', '100m', '64Mi'),
          }),
        ],
      }),
      serviceAccountName: checkName,
    },
  })
}
