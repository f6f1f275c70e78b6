import { isIP } from 'node:net'
import { backendEndpoints, endpointOf } from '../../lib/backends/endpoints.mts'
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
/** Its two Jobs too. */
const litellm = application('litellm')
const anyService = application('llm-service')
const proxy: Pods = { pods: selector('litellm', 'proxy') }
const checks: Pods = { pods: checksLabels }
const qdrant: Pods = { pods: qdrantLabels }
const podsOf = ({ name }: Service): Pods => ({ pods: serviceLabels(name) })

/** Who talks to whom. */
export const flows = (settings: LlmSettings): Flow[] => [
  // The ingress, and the checks: they ask each pod by the API server whether it has its database.
  { from: 'nodes', to: proxy, port: proxyPort },
  // The checks send requests to LiteLLM, which sends them back to the provider in the same pod.
  { from: checks, to: proxy, port: proxyPort },
  { from: proxy, to: checks, port: checksPort },
  { from: litellm, to: backendEndpoints(backends(settings), settings) },
  { from: proxy, to: modelServers(settings) },
  // The providers.
  { from: proxy, to: 'internet' },
  ...serviceFlows(settings, servicesOf(settings)),
  ...(hasQdrant(settings) ? [{ from: checks, to: qdrant, port: qdrantPorts.http }] : []),
]

/** Addresses of models that are given as numbers. Names lead to a service, or to what `internet` allows. */
const modelServers = (settings: LlmSettings): Endpoint[] =>
  modelsOf(settings)
    .flatMap(({ base }) => (base === undefined ? [] : [endpointOf(base)]))
    .filter(({ host }) => isIP(host) === 4)

/** LiteLLM and services reach services, as models or otherwise; and services what their makers want. */
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

/** Without its key Qdrant answers nobody. */
const usesQdrant = ({ environment = [] }: Service): boolean => environment.includes(qdrantKey)
