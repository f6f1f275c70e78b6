import { createHash, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { envText, parseEnvFile } from './env-file.mts'
import { exitCodes, KitError } from './errors.mts'
import { credentialsFolder, readPrivate, shownPath, writePrivate } from './file.mts'
import { createKubectl, findKubectl, type Kubectl } from './kubectl.mts'
import { YAML } from './sh.mts'
import type { Versions } from './versions.mts'

/** What makes a cluster this one and no other, compared before anything is written to it. */
export interface Identity {
  /** uid of the namespace kube-system: a rebuilt cluster has another. */
  readonly uid: string
  /** sha256 of the CA certificate in the kubeconfig. */
  readonly ca: string
}

export interface Cluster {
  readonly kubectl: Kubectl
  /** The context's name in the kubeconfig, as operators call the cluster. */
  readonly name: string
  readonly caHash: string
}

interface Kubeconfig {
  'current-context'?: string
  clusters?: { name: string; cluster: { server: string; 'certificate-authority-data'?: string } }[]
  contexts?: { name: string; context: { cluster: string; user: string } }[]
  users?: { name: string; user: { 'client-certificate-data'?: string } }[]
}

/** True when the environment has a kubeconfig of its own. */
export const hasKubeconfig = (env: string): boolean => readPrivate(kubeconfigPath(env)) !== undefined

const kubeconfigPath = (env: string): string => join(credentialsFolder(env), 'kubeconfig')

/**
 * The cluster an environment's kubeconfig leads to. Nothing is sent to it yet.
 * @throws KitError exit 3 without kubeconfig or kubectl, exit 2 when the file is damaged, exit 7 when it expired
 */
export async function openCluster(env: string, versions: Versions, now = new Date()): Promise<Cluster> {
  const path = kubeconfigPath(env)
  const text = readPrivate(path)
  if (text === undefined) {
    throw new KitError(`there is no ${shownPath(path)}`, {
      exitCode: exitCodes.preflight,
      hint: `install module 9, or copy the kubeconfig of an existing cluster there (chmod 600)`,
    })
  }
  const { context, caData, certificate } = parseKubeconfig(path, text)
  requireCurrent(path, certificate, now)
  const kubectl = createKubectl(await findKubectl(versions), path, context)
  return { kubectl, name: context, caHash: createHash('sha256').update(caData).digest('hex') }
}

function parseKubeconfig(
  path: string,
  text: string,
): { context: string; caData: string; certificate?: string } {
  const damaged = (why: string) =>
    new KitError(`${shownPath(path)} is not a usable kubeconfig: ${why}`, {
      exitCode: exitCodes.usage,
      hint: 'copy it from a master again',
    })
  let config: Kubeconfig | null
  try {
    config = YAML.parse(text) as Kubeconfig | null
  } catch {
    throw damaged('it is not YAML')
  }
  const context = config?.['current-context']
  const chosen = config?.contexts?.find(({ name }) => name === context)?.context
  const cluster = config?.clusters?.find(({ name }) => name === chosen?.cluster)?.cluster
  if (!context || !chosen || !cluster) throw damaged('its current-context does not lead to a cluster')
  const certificate = config?.users?.find(({ name }) => name === chosen.user)?.user['client-certificate-data']
  return {
    context,
    caData: cluster['certificate-authority-data'] ?? cluster.server,
    ...(certificate === undefined ? {} : { certificate }),
  }
}

function requireCurrent(path: string, certificate: string | undefined, now: Date): void {
  if (certificate === undefined) return
  const { validTo } = new X509Certificate(Buffer.from(certificate, 'base64'))
  if (new Date(validTo) > now) return
  throw new KitError(`the client certificate in ${shownPath(path)} expired on ${validTo}`, {
    exitCode: exitCodes.trust,
    hint: 'copy a new kubeconfig from a master (K3s renews its own certificates when it restarts)',
  })
}

/** The identity recorded at the first write, or undefined before it. */
export function recordedIdentity(env: string): Identity | undefined {
  const path = join(credentialsFolder(env), 'cluster.env')
  const text = readPrivate(path)
  if (text === undefined) return undefined
  const { CLUSTER_UID: uid = '', CLUSTER_CA_SHA256: ca = '' } = parseEnvFile(path, text)
  return { uid, ca }
}

/** Remembers which cluster belongs to this environment. @throws KitError exit 12 */
export function recordIdentity(env: string, { uid, ca }: Identity): void {
  writePrivate(
    join(credentialsFolder(env), 'cluster.env'),
    envText({ CLUSTER_UID: uid, CLUSTER_CA_SHA256: ca }),
  )
}

/** @throws KitError exit 5 when the kubeconfig leads to another cluster than the one recorded */
export function requireSameCluster(env: string, recorded: Identity | undefined, met: Identity): void {
  if (recorded === undefined || (recorded.uid === met.uid && recorded.ca === met.ca)) return
  throw new KitError(`the kubeconfig of ${env} leads to another cluster than before`, {
    exitCode: exitCodes.worldMoved,
    details: [
      `recorded in credentials/${env}/cluster.env: ${recorded.uid}`,
      `met now: ${met.uid}`,
      'Nothing was written.',
    ],
    hint: `put the right kubeconfig back; if the cluster really was rebuilt, move credentials/${env}/cluster.env away`,
  })
}
