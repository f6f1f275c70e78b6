import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { chooseEndpoint } from './api-servers.mts'
import { envText, parseEnvFile } from '../settings/env-file.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { credentialsFolder, readIfThere, readPrivate, shownPath, writePrivate } from '../base/files.mts'
import { fields, readShape, text } from '../base/shape.mts'
import { findKubectl, requireFittingKubectl } from './find-kubectl.mts'
import { daysLeft, parseKubeconfig, type Kubeconfig } from './kubeconfig.mts'
import { createKubectl, type Kubectl } from './kubectl.mts'
import { log } from '../base/log.mts'
import type { Versions } from '../settings/versions.mts'

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

/** True when the environment has a kubeconfig of its own. */
export const hasKubeconfig = (env: string): boolean => readPrivate(kubeconfigPath(env)) !== undefined

/** Where an environment's kubeconfig is. */
export const kubeconfigPath = (env: string): string => join(credentialsFolder(env), 'kubeconfig')

/**
 * The cluster an environment's kubeconfig leads to, by a way that is open now.
 * @throws KitError exit 3 without kubeconfig or fitting kubectl, exit 2 when the file is damaged; CertificateExpired (7)
 */
export async function connectCluster(env: string, versions: Versions, now = new Date()): Promise<Cluster> {
  const path = kubeconfigPath(env)
  const text = readPrivate(path)
  if (text === undefined) {
    throw new KitError(`there is no ${shownPath(path)}`, {
      exitCode: exitCodes.preflight,
      hint: `install module 9, or copy the kubeconfig of an existing cluster there (chmod 600)`,
    })
  }
  const kubeconfig = parseKubeconfig(path, text)
  requireCurrent(path, kubeconfig, now)
  const another = chooserOf(kubeconfig)
  const [program, context] = await Promise.all([findKubectl(versions), another()])
  const kubectl = createKubectl(program.words, path, { context, another })
  if (program.unproven) await requireFittingKubectl(kubectl)
  return { kubectl, name: kubeconfig.endpoints[0].context, caHash: kubeconfig.caHash }
}

/** Gives the context to go by now, and says so whenever that is another one than before. */
function chooserOf(kubeconfig: Kubeconfig): () => Promise<string> {
  let going = kubeconfig.endpoints[0]
  return async () => {
    const found = await chooseEndpoint(kubeconfig)
    if (found.context !== going.context) log.warn(`${going.server} does not answer: going by ${found.server}`)
    going = found
    return found.context
  }
}

/** Days before its end from which every run tells of a client certificate. */
const tell = 30

function requireCurrent(path: string, kubeconfig: Kubeconfig, now: Date): void {
  const days = daysLeft(kubeconfig, now)
  if (days === undefined || days >= tell) return
  if (days < 0) throw new CertificateExpired(path, days)
  log.warn(
    `the client certificate in ${shownPath(path)} ends in ${days} days`,
    'an install of module 9 renews it',
  )
}

/** A kubeconfig that leads nowhere any more; who works on the machines fetches another. */
export class CertificateExpired extends KitError {
  constructor(path: string, days: number) {
    super(`the client certificate in ${shownPath(path)} expired ${-days} days ago`, {
      exitCode: exitCodes.trust,
      hint: 'an install of module 9 fetches another; or copy one from a master (K3s renews its own when it restarts)',
    })
  }
}

const identityShape = fields({ CLUSTER_UID: text, CLUSTER_CA_SHA256: text })

const identityPath = (env: string): string => join(credentialsFolder(env), 'cluster.env')

/** The identity recorded at the first write, or undefined before it. @throws KitError exit 2 naming file and field */
export function recordedIdentity(env: string): Identity | undefined {
  const path = identityPath(env)
  const content = readPrivate(path)
  return content === undefined ? undefined : parseIdentity(path, content)
}

/** @throws KitError exit 2 naming file and field */
export function parseIdentity(path: string, content: string): Identity {
  const shown = shownPath(path)
  const hint = `put it back from your backup; if the kubeconfig certainly leads to the cluster of this environment, move ${shown} away`
  const read = readShape(shown, identityShape, parseEnvFile(path, content), { hint })
  return { uid: read.CLUSTER_UID, ca: read.CLUSTER_CA_SHA256 }
}

/** Remembers which cluster belongs to this environment. @throws KitError exit 12 */
export function recordIdentity(env: string, { uid, ca }: Identity): void {
  writePrivate(identityPath(env), envText({ CLUSTER_UID: uid, CLUSTER_CA_SHA256: ca }))
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

/** The cluster is gone: what led to it goes too, so that another may be begun. @returns what was removed */
export function forgetCluster(env: string): string[] {
  const paths = [kubeconfigPath(env), identityPath(env)].filter((path) => readIfThere(path) !== undefined)
  for (const path of paths) rmSync(path)
  return paths.map(shownPath)
}
