import { stringify } from 'yaml'
import { kubeconfigPath, recordedIdentity } from './cluster.mts'
import { firstOf } from './api-servers.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { readPrivate, shownPath, writePrivate } from '../base/files.mts'
import { daysLeft, parseKubeconfig, type Endpoint, type Kubeconfig } from './kubeconfig.mts'
import { log } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'

/** The kubeconfig of a master, and every name by which the API is reached. */
export interface Fetched {
  /** YAML of /etc/rancher/k3s/k3s.yaml. */
  readonly text: string
  /** Hosts or addresses, the preferred one first. */
  readonly names: readonly string[]
}

/**
 * Saves the kubeconfig of an environment, with a context for each name of the API, unless the saved one has the same
 * addresses and a certificate that is valid long enough (newsOf). Its current context is one that answers from this
 * machine. Under --plan it is only noted.
 * @throws KitError exit 2 when a kubeconfig or the recorded identity is damaged or readable by others, exit 5 when the
 * masters are of another cluster than recorded, exit 6 when no name answers, exit 12 when the file cannot be written
 */
export async function keepKubeconfig(
  env: string,
  { text, names }: Fetched,
  { planning, note }: Pick<Writes, 'planning' | 'note'>,
  now = new Date(),
): Promise<void> {
  const path = kubeconfigPath(env)
  const own = parseKubeconfig('the kubeconfig of the master', text)
  const endpoints = endpointsOf(env, names)
  const before = readPrivate(path)
  const saved = before === undefined ? undefined : parseKubeconfig(path, before)
  requireSameCa(env, own, saved)
  const news = newsOf({ ...own, endpoints }, saved, now)
  if (news === undefined) return
  if (planning) return note({ sign: before === undefined ? '+' : '~', what: `${shownPath(path)}: ${news}` })
  const open = (await firstOf(endpoints.slice(0, 1), own)) ?? (await firstOf(endpoints, own))
  if (open === undefined) throw nobodyAnswers(endpoints)
  writePrivate(path, kubeconfigText(own, endpoints, open))
  log.ok(`${shownPath(path)}: ${news}`)
}

/** `kb-staging` for the preferred name, `kb-staging-192.0.2.12` for another. */
const endpointsOf = (env: string, names: readonly string[]): [Endpoint, ...Endpoint[]] => {
  const [first, ...others] = [...new Set(names)].map((name, at) => ({
    context: at === 0 ? `kb-${env}` : `kb-${env}-${name}`,
    server: `https://${name.includes(':') ? `[${name}]` : name}:6443`,
  }))
  if (first === undefined) throw new Error('an API without a name')
  return [first, ...others]
}

/** Days before the end of the saved client certificate from which a newer one replaces it: K3s then renews its own. */
const renewal = 120

/** Why `own` must replace the saved kubeconfig; undefined when it need not. @param own as fetched from a master */
export function newsOf(own: Kubeconfig, saved: Kubeconfig | undefined, now: Date): string | undefined {
  const days = daysLeft(own, now) ?? 0
  if (saved === undefined) return `${own.endpoints.length} addresses, its certificate has ${days} days left`
  // requireSameCa accepts another CA than the saved one only when it is the recorded one.
  if (own.caHash !== saved.caHash) return 'it was of another cluster; this is the one of the masters'
  const servers = ({ endpoints }: Kubeconfig) => endpoints.map(({ server }) => server).toSorted()
  if (servers(own).join() !== servers(saved).join())
    return `the addresses of the API are ${servers(own).join(', ')}`
  const left = daysLeft(saved, now) ?? 0
  if (left >= renewal || left >= days) return undefined
  return `its certificate had ${left} days left, the new one has ${days}`
}

function requireSameCa(env: string, own: Kubeconfig, saved: Kubeconfig | undefined): void {
  const known = recordedIdentity(env)?.ca ?? saved?.caHash
  if (known === undefined || known === own.caHash) return
  throw new KitError(`the masters of ${env} belong to another cluster than its kubeconfig`, {
    exitCode: exitCodes.conflict,
    details: [`${shownPath(kubeconfigPath(env))} was left as it is.`],
    hint:
      recordedIdentity(env) === undefined
        ? `correct servers.tsv; when the masters are the right ones, move ${shownPath(kubeconfigPath(env))} away: the next run fetches theirs`
        : 'correct servers.tsv: the masters are not those of the recorded cluster',
  })
}

const nobodyAnswers = (endpoints: readonly Endpoint[]): KitError =>
  new KitError('the API server answers on none of its addresses from this machine', {
    exitCode: exitCodes.unreachable,
    details: endpoints.map(({ server }) => server),
    hint: 'open port 6443 of the masters to this machine, or name a load balancer that leads there in API_ADDRESSES',
  })

/** All contexts have the same cluster CA and the same user. */
function kubeconfigText(own: Kubeconfig, endpoints: readonly Endpoint[], open: Endpoint): string {
  const encoded = (text: string | undefined) => Buffer.from(text ?? '').toString('base64')
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': open.context,
    clusters: endpoints.map(({ context: name, server }) => ({
      name,
      cluster: { server, 'certificate-authority-data': encoded(own.ca) },
    })),
    contexts: endpoints.map(({ context: name }) => ({ name, context: { cluster: name, user: 'admin' } })),
    users: [
      {
        name: 'admin',
        user: {
          'client-certificate-data': encoded(own.certificate),
          'client-key-data': encoded(own.key),
        },
      },
    ],
  })
}
