import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { sensitive, type Sensitive } from '../../lib/base/sensitive.mts'
import { fields, text } from '../../lib/base/shape.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import { readPods } from '../../lib/checks/pods.mts'
import { isPodReady } from '../../lib/kube/pods.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import {
  isLoginUnable,
  isUnable,
  logInAsPod,
  openVault,
  readReply,
  tokenIn,
  unable,
  type Vault,
} from '../../lib/backends/vault.mts'
import { audience, secretsFolder } from '../../lib/kube/manifests/injection.mts'
import { injectionLabel } from '../../lib/kube/manifests/injection-label.mts'
import { checkFile, checkName, checkNamespace } from './names.mts'
import { checkPath, checkRole } from './roles.mts'
import type { VaultSettings } from './settings.mts'

export type Tools = CheckTools<VaultSettings>
export type VaultCheck = Check<VaultSettings>

const wrong = (what: string): KitError => new KitError(what, { exitCode: exitCodes.validationFailed })

/**
 * Logs in to Vault with the service account of the checks' pod.
 * @throws KitError exit 10 when Vault refuses the login; exit 3, see tokenIn and unable; exit 6 or 7, see send; exit 3 or 5 to 9
 *   from kubectl: 9 without that service account
 */
export async function asCheck({ settings, kube }: Tools): Promise<Vault> {
  const vault = openVault(settings)
  const token = await kube.tokenOf(checkName, checkNamespace, audience)
  const reply = await logInAsPod(vault, settings.VAULT_AUTH_PATH, checkRole, token)
  if (isLoginUnable(reply)) throw unable(vault, `to log in ${checkName}`, reply)
  if (reply.status !== 200)
    throw wrong(`Vault refuses the login of ${checkName}: ${reply.status} ${reply.words}`)
  return vault.with(tokenIn(vault, reply))
}

const stored = fields({ data: fields({ data: fields({ value: text }) }) })

/**
 * The value of the checks in Vault.
 * @throws KitError exit 10 when Vault does not return it; exit 3, see readReply and unable; exit 6 or 7, see send
 */
export async function readValue(vault: Vault, settings: VaultSettings): Promise<Sensitive> {
  const path = checkPath(settings)
  const reply = await vault.ask('GET', path)
  if (isUnable(reply)) throw unable(vault, `to read ${path}`, reply)
  if (reply.status !== 200) throw wrong(`${path} cannot be read: ${reply.status} ${reply.words}`)
  return sensitive(readReply(vault, path, stored, reply).data.data.value)
}

/** The path of the file with that value in the pod. */
const file = `${secretsFolder}/${checkFile}`

/**
 * The SHA-256 of the file in the pod: the value itself never leaves the pod.
 * @throws KitError exit 3 or 5 to 9 from kubectl: 9 when there is no such file
 */
export async function hashInPod({ kube }: Tools, pod: LiveObject): Promise<string> {
  const said = await kube.runIn(pod, ['sha256sum', file], { isRepeatable: true })
  return said.split(' ')[0] ?? ''
}

/** The pod of the checks. @throws KitError exit 10 when none is ready; exit 3 or 5 to 9 from kubectl */
export async function readyPod(tools: Tools): Promise<LiveObject> {
  const pods = await readPods(tools, checkNamespace, checkName)
  const pod = pods.find((one) => isPodReady(one))
  if (pod !== undefined) return pod
  throw wrong(`no pod of ${checkName} is ready: kubectl -n ${checkNamespace} get pods`)
}

/** Names of the namespaces that are labelled for injection. @throws KitError exit 3 or 5 to 9 from kubectl */
export const labelledNamespaces = ({ kube, once }: Tools): Promise<string[]> =>
  once('vault.namespaces', async () =>
    (await kube.list('namespaces', { labels: injectionLabel })).map(({ metadata }) => metadata.name),
  )
