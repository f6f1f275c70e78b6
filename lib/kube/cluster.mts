import { join } from 'node:path'
import { chooseEndpoint, isSilent } from './api-servers.mts'
import { foreignAuthority } from './authority.mts'
import { envText, parseEnvFile } from '../settings/env-file.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { credentialsFolder, readIfThere, readPrivate, shownPath, writePrivate } from '../base/files.mts'
import { removeFile } from '../base/remove-file.mts'
import { fields, readShape, text } from '../base/shape.mts'
import { findKubectl, requireFittingKubectl } from './find-kubectl.mts'
import { daysLeft, parseKubeconfig, type Kubeconfig } from './kubeconfig.mts'
import { requireTrusted } from './kubeconfig-trust.mts'
import { createKubectl, type Kubectl } from './kubectl.mts'
import type { Way } from './retry.mts'
import { log } from '../base/log.mts'
import type { Versions } from '../settings/versions.mts'
import { written } from '../base/written.mts'

/** What identifies a cluster, compared before anything is written to it. */
export interface Identity {
  /** uid of the namespace kube-system: a rebuilt cluster has another. */
  readonly uid: string
  /** sha256 of the CA certificate in the kubeconfig. */
  readonly ca: string
}

/** A connected cluster. */
export interface Cluster {
  readonly kubectl: Kubectl
  /** The kubeconfig's current context, shown to operators as the cluster's name. */
  readonly name: string
  readonly caHash: string
}

/**
 * True when the environment has a kubeconfig.
 * @throws KitError exit 2 when it cannot be read, or group or others may read it
 */
export const hasKubeconfig = (env: string): boolean => readPrivate(kubeconfigPath(env)) !== undefined

/** The path of an environment's kubeconfig, whether it exists or not. */
export const kubeconfigPath = (env: string): string => join(credentialsFolder(env), 'kubeconfig')

/**
 * The cluster of an environment's kubeconfig, by an endpoint that answers now.
 * @throws KitError exit 2 when the kubeconfig is damaged or readable by others, exit 3 without a kubeconfig or a
 * kubectl of a supported version, exit 7 when an endpoint is not authenticated (requireTrusted) or the pinned K3s
 * binary has another sha256; CertificateExpired (7); as Kubectl.run when kubectl's version must be compared
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
  requireTrusted(path, kubeconfig)
  requireCurrent(path, kubeconfig, now)
  const connect = () => openKubectl(path, kubeconfig, versions)
  const kubectl = await shared(`${path}\n${text}`, connect)
  return { kubectl, name: kubeconfig.endpoints[0].context, caHash: kubeconfig.caHash }
}

async function openKubectl(path: string, kubeconfig: Kubeconfig, versions: Versions): Promise<Kubectl> {
  const ways = waysOf(kubeconfig)
  const [program, context] = await Promise.all([findKubectl(versions), ways.another()])
  const explain = async (name: string) => {
    const endpoint = kubeconfig.endpoints.find((one) => one.context === name)
    return endpoint && foreignAuthority(endpoint, kubeconfig)
  }
  const kubectl = createKubectl(program.words, path, { context, ...ways, explain })
  if (program.unproven) await requireFittingKubectl(kubectl)
  return kubectl
}

/** By path and text of a kubeconfig; undefined unless modules of this process share their connections. */
let connections: Map<string, Promise<Kubectl>> | undefined

/** From now on the modules of this process share one connection: for runs that only look at a cluster. */
export const shareConnections = (): void => void (connections ??= new Map())

async function shared(kubeconfig: string, connect: () => Promise<Kubectl>): Promise<Kubectl> {
  const kubectl = connections?.get(kubeconfig) ?? connect()
  connections?.set(kubeconfig, kubectl)
  try {
    return await kubectl
  } catch (thrown) {
    connections?.delete(kubeconfig)
    throw thrown
  }
}

/** Gives the context to use now: `another` after one has failed, with a warning when that changes it. */
function waysOf(kubeconfig: Kubeconfig): Omit<Way, 'context' | 'explain'> {
  let going = kubeconfig.endpoints[0]
  let avoided: readonly string[] = []
  return {
    async another() {
      const found = await chooseEndpoint(kubeconfig, avoided)
      if (found.context !== going.context)
        log.warn(`${going.server} does not answer: going by ${found.server}`)
      going = found
      return found.context
    },
    isSilent: (context) => isSilent(context, kubeconfig),
    async avoid(hosts) {
      avoided = hosts
      going = await chooseEndpoint(kubeconfig, avoided)
      return going.context
    },
  }
}

/** Days before the end of a client certificate from which every run warns of it. */
const warnDays = 30

function requireCurrent(path: string, kubeconfig: Kubeconfig, now: Date): void {
  const days = daysLeft(kubeconfig, now)
  if (days === undefined || days >= warnDays) return
  if (days < 0) throw new CertificateExpired(path, days)
  log.warn(
    `the client certificate in ${shownPath(path)} ends in ${days} days`,
    'an install of module 9 renews it',
  )
}

/** Exit 7: the client certificate in the kubeconfig has expired. Module 9 catches this and fetches a new kubeconfig. */
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

/**
 * The identity recorded at the first write, or undefined before it.
 * @throws KitError exit 2 naming file and field, also when group or others may read the file
 */
export function recordedIdentity(env: string): Identity | undefined {
  const path = identityPath(env)
  const content = readPrivate(path)
  return content === undefined ? undefined : parseIdentity(path, content)
}

/** Parses a cluster.env. @param path of the file, for errors @throws KitError exit 2 naming file and line or field */
export function parseIdentity(path: string, content: string): Identity {
  const shown = shownPath(path)
  const hint = `put it back from your backup; if the kubeconfig certainly leads to the cluster of this environment, move ${shown} away`
  const read = readShape(shown, identityShape, parseEnvFile(path, content), { hint })
  return { uid: read.CLUSTER_UID, ca: read.CLUSTER_CA_SHA256 }
}

/** Saves which cluster belongs to this environment. @throws KitError exit 12 when the file cannot be written */
export function recordIdentity(env: string, { uid, ca }: Identity): void {
  writePrivate(identityPath(env), envText({ CLUSTER_UID: uid, CLUSTER_CA_SHA256: ca }))
}

/**
 * Requires that the cluster is the recorded one.
 * @param env the environment's name, for the error
 * @param recorded undefined before the first write: any cluster is accepted
 * @param met the identity of the connected cluster
 * @throws KitError exit 5 when it is another cluster
 */
export function requireSameCluster(env: string, recorded: Identity | undefined, met: Identity): void {
  if (recorded === undefined || (recorded.uid === met.uid && recorded.ca === met.ca)) return
  throw new KitError(`the kubeconfig of ${env} leads to another cluster than before`, {
    exitCode: exitCodes.conflict,
    details: [
      `recorded in credentials/${env}/cluster.env: ${recorded.uid}`,
      `met now: ${met.uid}`,
      written(),
    ],
    hint: `put the right kubeconfig back; if the cluster really was rebuilt, move credentials/${env}/cluster.env away`,
  })
}

/**
 * Removes kubeconfig and recorded identity of a destroyed cluster.
 * @returns paths as shown to operators
 * @throws KitError exit 12 when one cannot be removed, exit 2 when one cannot be read
 */
export function forgetCluster(env: string): string[] {
  const paths = [kubeconfigPath(env), identityPath(env)].filter((path) => readIfThere(path) !== undefined)
  for (const path of paths) removeFile(path)
  return paths.map(shownPath)
}
