import { isIP } from 'node:net'
import { backendEndpoints, endpointOf, vaultFlows } from '../../lib/backends/endpoints.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import type { Endpoint, Flow, Pods } from '../../lib/kube/manifests/policies.mts'
import { backends } from './backends.mts'
import { modelsOf } from './config.mts'
import { qdrantKey } from './keys.mts'
import { hasQdrant, qdrantLabels, serviceLabels, servicesOf } from './manifests-services.mts'
import { checksLabels } from './manifests.mts'
import { checksPort, proxyPort, qdrantPorts } from './names.mts'
import type { Service } from './services.mts'
import type { LlmSettings } from './settings.mts'

const application = (name: string): Pods => ({ pods: { 'app.kubernetes.io/name': name } })
/** LiteLLM's pods, with those of its two Jobs. */
const litellm = application('litellm')
const anyService = application('llm-service')
const proxy: Pods = { pods: selector('litellm', 'proxy') }
const checks: Pods = { pods: checksLabels }
const qdrant: Pods = { pods: qdrantLabels }
const podsOf = ({ name }: Service): Pods => ({ pods: serviceLabels(name) })

/** The TCP connections of the pods. @throws KitError exit 2, see modelsOf and servicesOf */
export const flows = (settings: LlmSettings): Flow[] => [
  // From the ingress, and from the API server: by it the checks read from each pod whether it has its database.
  { from: 'nodes', to: proxy, port: proxyPort },
  // The checks send requests to LiteLLM, which sends them on to the provider in the pod of the checks.
  { from: checks, to: proxy, port: proxyPort },
  { from: proxy, to: checks, port: checksPort },
  { from: litellm, to: backendEndpoints(backends(settings), settings) },
  { from: proxy, to: modelServers(settings) },
  ...vaultFlows(settings),
  // The providers.
  { from: proxy, to: 'internet' },
  ...serviceFlows(settings, servicesOf(settings)),
  ...(hasQdrant(settings) ? [{ from: checks, to: qdrant, port: qdrantPorts.http }] : []),
]

/** The IPv4 addresses of model servers. A name is that of a service, or of a host that `internet` allows. */
const modelServers = (settings: LlmSettings): Endpoint[] =>
  modelsOf(settings)
    .flatMap(({ base }) => (base === undefined ? [] : [endpointOf(base)]))
    .filter(({ host }) => isIP(host) === 4)

/** LiteLLM and services connect to services, as models or otherwise; services also connect to any public address. */
function serviceFlows(settings: LlmSettings, services: readonly Service[]): Flow[] {
  if (services.length === 0) return []
  const { VECTOR_STORE_URL: external } = settings
  return [
    ...services.flatMap((one) =>
      (['nodes', proxy, anyService] as const).map((from) => ({ from, to: podsOf(one), port: one.port })),
    ),
    { from: anyService, to: proxy, port: proxyPort },
    ...(external === undefined
      ? services
          .filter(usesQdrant)
          .flatMap((one) =>
            Object.values(qdrantPorts).map((port) => ({ from: podsOf(one), to: qdrant, port })),
          )
      : [{ from: anyService, to: [endpointOf(external)] }]),
    { from: anyService, to: 'internet' },
  ]
}

/** True for a service that gets Qdrant's key, without which Qdrant refuses every request. */
const usesQdrant = ({ environment = [] }: Service): boolean => environment.includes(qdrantKey)
