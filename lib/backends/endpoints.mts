import { everyPod, type Endpoint, type Flow } from '../kube/manifests/policies.mts'
import { tlsBackends, tlsOf } from '../settings/backend-tls.mts'
import { usesVault } from '../settings/platform-vault.mts'
import type { Settings } from '../settings/settings.mts'
import type { BackendNeeds } from './needs.mts'

/** The address by which pods connect to a backend, and what a test of it from the nodes needs. */
export interface BackendEndpoint extends Endpoint {
  /** `PostgreSQL` */
  readonly title: string
  /** The role and the database of a login without TLS. */
  readonly login?: { readonly role: string; readonly database: string }
}

/** Hosts and ports of the backends an application needs, with their titles. @param settings those of its module */
export function titledEndpoints(
  { postgres, redis, rabbitmq = false, s3 }: BackendNeeds,
  settings: Settings,
): BackendEndpoint[] {
  const of = (prefix: keyof typeof tlsBackends): BackendEndpoint => ({
    title: tlsBackends[prefix],
    host: String(settings[`${prefix}_HOST`]),
    port: Number(settings[`${prefix}_PORT`]),
  })
  const isClear = tlsOf(settings, 'POSTGRES').mode === 'off'
  return [
    ...(postgres === undefined
      ? []
      : [
          {
            ...of('POSTGRES'),
            ...(isClear ? { login: { role: postgres.owner, database: postgres.name } } : {}),
          },
        ]),
    ...(redis === undefined ? [] : [of('REDIS')]),
    ...(rabbitmq ? [of('RABBITMQ')] : []),
    ...(s3 === undefined ? [] : [{ title: 'S3', ...endpointOf(String(settings['S3_ENDPOINT'])) }]),
  ]
}

/** Hosts and ports of the backends an application needs, for its flows. @param settings those of its module */
export const backendEndpoints = (needs: BackendNeeds, settings: Settings): Endpoint[] =>
  titledEndpoints(needs, settings).map(({ host, port }) => ({ host, port }))

/** The connections of agents to Vault, for a module that takes its secret values from there; else none. */
export const vaultFlows = (settings: Settings): Flow[] =>
  usesVault(settings) ? [{ from: everyPod, to: [endpointOf(String(settings['VAULT_ADDR']))] }] : []

/**
 * The host and port of a URL.
 * @param url `https://s3.example.com`; in an offline plan its placeholder, taken as the host
 */
export function endpointOf(url: string): Endpoint {
  if (!URL.canParse(url)) return { host: url, port: 443 }
  const { hostname, port, protocol } = new URL(url)
  return { host: hostname, port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port) }
}
