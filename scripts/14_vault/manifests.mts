import { agentResources, webhookName } from '../../lib/kube/manifests/injection.mts'
import { secretEnv } from '../../lib/kube/manifests/objects.mts'
import {
  container,
  deployment,
  env,
  envFromSecret,
  podDefaults,
  resources,
} from '../../lib/kube/manifests/pods.mts'
import { applicationNamespace, pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import type { Deployment, EnvVar, Manifest, PodDisruptionBudget, Service } from '../../lib/kube/types.mts'
import { checkName, injectorName, injectorNamespace, injectorPort, type Images } from './names.mts'
import { rights } from './rbac.mts'
import type { VaultSettings } from './settings.mts'
import { injectorLabels, webhook } from './webhook.mts'

/** uid of the user `vault` in the image of the injector. */
const user = 100

/** The Secret with Vault's CA, in the injector's namespace: a lost file is restored from it. */
const caSecret = 'vault-ca'

const common = { namespace: injectorNamespace, name: injectorName }

/** The injector: namespace, RBAC, two pods, and the webhook by which the API server calls them. */
export const injector = (settings: VaultSettings, images: Images): Manifest[] => [
  ...applicationNamespace(injectorNamespace, settings),
  ...(settings.VAULT_CA === undefined
    ? []
    : [secretEnv(injectorNamespace, caSecret, { VAULT_CA: settings.VAULT_CA })]),
  ...rights(),
  serviceOf(),
  deploymentOf(settings, images),
  budget,
  webhook(),
  // It has no rights: vault.logins tries that a role is not open to an account of the same name in another namespace.
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: injectorNamespace, name: checkName } },
]

const serviceOf = (): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...common, labels: injectorLabels },
  spec: { selector: injectorLabels, ports: [{ name: 'https', port: 443, targetPort: injectorPort }] },
})

const budget: PodDisruptionBudget = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { ...common, labels: injectorLabels },
  spec: { maxUnavailable: 1, selector: { matchLabels: injectorLabels } },
}

/** The health path of the injector: it is ready with a certificate, and does not test Vault. */
const health = { path: '/health/ready', port: injectorPort, scheme: 'HTTPS' }

/** A probe of that path. @param period seconds between two requests @param failures failureThreshold */
const probeOf = (period: number, failures: number) => ({
  httpGet: health,
  periodSeconds: period,
  timeoutSeconds: 5,
  failureThreshold: failures,
})

function deploymentOf(settings: VaultSettings, images: Images): Deployment {
  const { VAULT_CA: ca } = settings
  return deployment({
    ...common,
    labels: injectorLabels,
    replicas: 2,
    restartOn: [ca?.reveal()],
    pod: {
      ...podDefaults({
        labels: injectorLabels,
        user,
        graceSeconds: 15,
        scratch: {},
        pullSecret: pullSecretName(settings),
        containers: [
          container({
            name: 'injector',
            image: images['vault-k8s'],
            args: ['agent-inject'],
            env: [
              ...env(told(settings, images)),
              fieldEnv('NAMESPACE', 'metadata.namespace'),
              fieldEnv('POD_NAME', 'metadata.name'),
              ...(ca === undefined
                ? []
                : envFromSecret(caSecret, { AGENT_INJECT_VAULT_CACERT_BYTES: 'VAULT_CA' })),
            ],
            ports: [{ name: 'https', containerPort: injectorPort }],
            resources: resources('50m', '64Mi', '250m', '128Mi'),
            // When the leader's node is gone, a start takes longer than 30 s.
            startupProbe: probeOf(2, 30),
            livenessProbe: probeOf(10, 3),
            readinessProbe: probeOf(3, 3),
            // On SIGTERM it ends at once and drops the admission requests that it is processing.
            lifecycle: { preStop: { sleep: { seconds: 5 } } },
          }),
        ],
      }),
      serviceAccountName: injectorName,
      // The leader election reads the namespace from the folder of the token.
      automountServiceAccountToken: true,
    },
  })
}

/** The environment of the injector, for itself and for the containers that it adds. */
const told = (settings: VaultSettings, images: Images) => ({
  AGENT_INJECT_LISTEN: `:${injectorPort}`,
  AGENT_INJECT_LOG_LEVEL: 'info',
  AGENT_INJECT_VAULT_ADDR: settings.VAULT_ADDR,
  AGENT_INJECT_VAULT_IMAGE: images['vault-agent'],
  AGENT_INJECT_VAULT_AUTH_TYPE: settings.VAULT_AUTH_METHOD,
  AGENT_INJECT_VAULT_AUTH_PATH: `auth/${settings.VAULT_AUTH_PATH}`,
  AGENT_INJECT_VAULT_NAMESPACE: settings.VAULT_NAMESPACE,
  AGENT_INJECT_TLS_AUTO: webhookName,
  AGENT_INJECT_TLS_AUTO_HOSTS: serviceNames.join(','),
  AGENT_INJECT_USE_LEADER_ELECTOR: true,
  AGENT_INJECT_CPU_REQUEST: agentResources.requests.cpu,
  AGENT_INJECT_CPU_LIMIT: agentResources.limits.cpu,
  AGENT_INJECT_MEM_REQUEST: agentResources.requests.memory,
  AGENT_INJECT_MEM_LIMIT: agentResources.limits.memory,
  // Without this limit a pod may wait five more minutes after a long outage of Vault.
  AGENT_INJECT_AUTH_MAX_BACKOFF: '15s',
})

/** The DNS names of the injector's certificate. */
export const serviceNames: readonly string[] = ['', `.${injectorNamespace}`, `.${injectorNamespace}.svc`].map(
  (rest) => injectorName + rest,
)

const fieldEnv = (name: string, fieldPath: string): EnvVar => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
})
