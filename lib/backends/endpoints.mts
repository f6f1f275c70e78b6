import type { Endpoint } from '../kube/manifests/policies.mts'
import type { Settings } from '../settings/settings.mts'
import type { BackendNeeds } from './needs.mts'

/** Hosts and ports of the backends an application needs, for its flows. @param settings those of its module */
export function backendEndpoints(
  { postgres, redis, rabbitmq = false, s3 }: BackendNeeds,
  settings: Settings,
): Endpoint[] {
  const of = (prefix: string): Endpoint => ({
    host: String(settings[`${prefix}_HOST`]),
    port: Number(settings[`${prefix}_PORT`]),
  })
  return [
    ...(postgres === undefined ? [] : [of('POSTGRES')]),
    ...(redis === undefined ? [] : [of('REDIS')]),
    ...(rabbitmq ? [of('RABBITMQ')] : []),
    ...(s3 === undefined ? [] : [endpointOf(String(settings['S3_ENDPOINT']))]),
  ]
}

/** The host and port of a URL. @param url `https://s3.example.com`, an offline plan's placeholder included */
export function endpointOf(url: string): Endpoint {
  if (!URL.canParse(url)) return { host: url, port: 443 }
  const { hostname, port, protocol } = new URL(url)
  return { host: hostname, port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port) }
}
