import { X509Certificate } from 'node:crypto'
import { systemNamespace } from '../../lib/base/names.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import { failed, passed, warning, type Answer } from '../../lib/checks/checks.mts'
import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { isPodReady } from '../../lib/kube/pods.mts'
import { webhookName } from '../../lib/kube/manifests/injection.mts'
import { fromBase64 } from './base64.mts'
import { certificateSecret, injectorName, injectorNamespace, leaderConfigMap } from './names.mts'
import { lacksPods, refusals, workloadKinds } from './refused-pods.mts'
import { labelledNamespaces, type Tools, type VaultCheck } from './session.mts'
import type { VaultSettings } from './settings.mts'

/** The injector's pods, for the standard checks of every application. */
export const application: CheckedApplication<VaultSettings> = {
  name: injectorName,
  namespace: () => injectorNamespace,
  parts: ['injector'],
  readiness: 'ready means that it has a certificate; "failed to find any PEM data" in its first 30 s is none',
}

/** The name of the pod that the ConfigMap of the leader election names; undefined without one. */
async function leaderOf(kube: Tools['kube']): Promise<string | undefined> {
  const live = await kube.get('configmaps', leaderConfigMap, injectorNamespace)
  return live?.metadata.ownerReferences?.find(({ kind }) => kind === 'Pod')?.name
}

const certificatesIn = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    (one) => new X509Certificate(one),
  )

/** Hours before a certificate's end from which its renewal is late: vault-k8s renews in the last tenth of 24 h. */
const lateHours = 2

/** The answer about a serving certificate. @param bundle PEM of the CAs in the webhook @param now in ms since 1970 */
function judge(certificate: string, bundle: string, now: number): Answer {
  const [leaf] = certificatesIn(certificate)
  if (leaf === undefined) return failed(`Secret ${certificateSecret} has no certificate`)
  const hours = (new Date(leaf.validTo).getTime() - now) / 3_600_000
  const end = new Date(leaf.validTo).toISOString().slice(0, 16)
  if (hours < 0) return failed(`the certificate ended ${(-hours).toFixed(1)} h ago, at ${end} UTC`)
  const name = `${injectorName}.${injectorNamespace}.svc`
  if (leaf.checkHost(name) === undefined) return failed(`the certificate is not for ${name}`)
  const isProven = certificatesIn(bundle).some((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey))
  if (!isProven) return failed('the certificate is not proven by the CA in the webhook')
  return hours < lateHours
    ? warning(`the certificate ends at ${end} UTC and has not been renewed`)
    : passed(`for ${name}, until ${end} UTC`)
}

/** The pods to delete when the leader is unknown: a new one is elected once all pods are replaced. */
const anyLeader = { NAMESPACE: injectorNamespace, POD: '--all' }

export const webhookTrust: VaultCheck = {
  id: 'vault.webhook',
  title: 'The API server can trust the injector: its certificate, and the CA in the webhook',
  fix: 'kubectl -n NAMESPACE delete pod POD: that is the leader, and the next one makes both anew within 16 s. Nobody else does',
  places: () => anyLeader,
  async ask(tools) {
    const { kube } = tools
    const [live, secret, leader] = await Promise.all([
      kube.get('mutatingwebhookconfigurations.admissionregistration.k8s.io', webhookName),
      kube.get('secrets', certificateSecret, injectorNamespace),
      leaderOf(kube),
    ])
    const { webhooks = [] } = (live ?? {}) as { webhooks?: { clientConfig?: { caBundle?: unknown } }[] }
    const bundle = fromBase64(webhooks[0]?.clientConfig?.caBundle)
    const { cert } = (secret?.['data'] ?? {}) as { cert?: unknown }
    const answer =
      live === undefined
        ? { ...failed(`there is no MutatingWebhookConfiguration ${webhookName}`), fix: again }
        : bundle === ''
          ? failed('the injector has not written its CA into the webhook: right to patch it?')
          : secret === undefined
            ? failed(`Secret ${certificateSecret} is gone: the leader makes it again only when it renews`)
            : judge(fromBase64(cert), bundle, Date.now())
    return leader === undefined ? answer : { ...answer, places: { POD: leader } }
  },
}

const again = 'run 14_vault_01_deploy again'

/**
 * The check of the leader: of a pod that stays, for one that is ending hands the election on.
 * @param seconds for which there may be none: after a rollout the pod that was it has 15 s to end, and the election looks for a
 *   lost leader every 16 s at most (observed)
 */
export const leaderWithin = (seconds: number): VaultCheck => ({
  id: 'vault.leader',
  title: 'One pod of the injector is the leader, and it runs',
  fix: `kubectl -n NAMESPACE delete pod POD. Never ConfigMap ${leaderConfigMap} while that pod lives: two leaders would write against each other`,
  places: () => anyLeader,
  ask: (tools) =>
    pollUntil(() => askLeader(tools), {
      until: ({ result }) => result === 'passed',
      milliseconds: seconds * 1000,
      every: 2000,
    }),
})

export const leader = leaderWithin(45)

async function askLeader({ kube }: Tools): Promise<Answer> {
  const name = await leaderOf(kube)
  if (name === undefined) return failed('no pod is the leader: the certificate will not be renewed')
  const places = { POD: name }
  const pod = await kube.get('pods', name, injectorNamespace)
  if (pod === undefined) return failed(`${name} is the leader, and is not there any more`, places)
  if (pod.metadata.deletionTimestamp !== undefined)
    return failed(`${name} is the leader, and is being deleted`, places)
  return isPodReady(pod)
    ? passed(name)
    : failed(`${name} is the leader, and does not run (evicted, or its node is away)`, places)
}

/** Namespaces whose pods must start also without the injector. */
const never: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  injectorNamespace,
  systemNamespace,
]

export const labels: VaultCheck = {
  id: 'vault.labels',
  title: 'Only namespaces of applications ask the injector',
  fix: 'kubectl label namespace NAME keybuzz.io/vault-injection-',
  places: () => ({ NAME: never.join(' ') }),
  async ask(tools) {
    const names = await labelledNamespaces(tools)
    const bad = names.filter((name) => never.includes(name))
    return bad.length === 0
      ? passed(names.join(', '))
      : failed(`${bad.join(', ')} would depend on the injector`, { NAME: bad.join(' ') })
  },
}

export const refused: VaultCheck = {
  id: 'vault.refused',
  title: 'No pod is refused where injection is asked for',
  fix: 'kubectl -n vault-injector get pods: with no injector ready, pods that ask for secrets are refused, and made when it is back',
  async ask(tools) {
    const names = await labelledNamespaces(tools)
    const inEach = async (kinds: readonly string[], namespaces: readonly string[]) => {
      const asked = namespaces.flatMap((namespace) =>
        kinds.map((kind) => tools.kube.list(kind, { namespace })),
      )
      return (await Promise.all(asked)).flat()
    }
    const all = await inEach(workloadKinds, names)
    const lacking = new Set(all.filter(lacksPods).map(({ metadata }) => metadata.namespace ?? ''))
    const problems = refusals(all, await inEach(['events'], [...lacking]))
    return problems.length === 0
      ? passed(`${all.length} Deployments, StatefulSets and Jobs`)
      : failed(problems.join('; '))
  },
}
