import { exitCodes } from '../../../lib/base/errors.mts'
import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { isScaledToZero, scaleUp } from '../../../lib/kube/workloads.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import { probesOf } from '../../../lib/kube/probes.mts'
import { parts, probeNamespace } from '../probes/probe.mts'
import { orUndefined } from './exits.mts'
import { nodesOf, type Tools } from './nodes.mts'
import type { K3sSettings } from '../settings.mts'
import { waitingOf } from './images.mts'

// What every module depends on: API, DNS, ingress.

export const api: Check<K3sSettings> = {
  id: 'k3s.api',
  title: 'The API server is ready',
  fix: `journalctl -u k3s on the masters; kubectl get --raw /readyz?verbose names the part that is not ready. ${quorumLost}`,
  async ask({ kube }) {
    const answer = await kube.raw('/readyz')
    return answer.trim() === 'ok' ? passed('/readyz: ok') : failed(`/readyz: ${answer.trim()}`)
  },
}

export const dns: Check<K3sSettings> = {
  id: 'k3s.dns',
  title: 'The cluster DNS serves',
  fix: 'kubectl -n kube-system logs deployment/coredns; a resolver on 127.0.0.53 in resolv.conf makes it loop',
  async ask({ kube }) {
    const deployment = await kube.get('deployments.apps', 'coredns', 'kube-system')
    if (deployment === undefined) return failed('there is no Deployment coredns in kube-system')
    if (isScaledToZero(deployment))
      return { ...failed('Deployment coredns is scaled to 0'), fix: scaleUp(deployment) }
    const { availableReplicas: available = 0 } = (deployment['status'] ?? {}) as {
      availableReplicas?: number
    }
    return available > 0 ? passed(`${available} pods available`) : failed('no pod of coredns is available')
  },
}

export const kubelets: Check<K3sSettings> = {
  id: 'k3s.kubelets',
  title: 'The API server reaches the kubelet of every node',
  fix: 'on NAME: systemctl restart k3s-agent (on a master k3s); it must reach port 6443 of every master: its kubelet is asked through the connection it opens there',
  places: () => ({ NAME: 'each node' }),
  async ask(tools) {
    const nodes = await nodesOf(tools)
    const down = await pollUntil(() => silentKubelets(tools, nodes), {
      until: (names) => names.length === 0,
      milliseconds: sessions,
      every: 2000,
      waiting: (names) => `no answer from the kubelet of ${names.join(', ')} yet`,
    })
    return down.length === 0
      ? passed('healthz of each: ok')
      : failed(`no answer from ${down.join(', ')}`, { NAME: down[0] ?? '' })
  },
}

/** Milliseconds in which a node has reconnected to a server that was restarted: some 3 s, with a margin. */
const sessions = 20_000

/**
 * Names of nodes whose kubelet does not answer within 5 s: without a connection from the node a request may hang.
 * @throws KitError exit 3, 5, 7, 8, 130 or 143, see Kube.raw
 */
async function silentKubelets({ kube }: Tools, nodes: readonly LiveObject[]): Promise<string[]> {
  const answers = await Promise.all(
    nodes.map(({ metadata: { name } }) =>
      orUndefined(
        kube.raw(`/api/v1/nodes/${name}/proxy/healthz`, { once: true, timeoutSeconds: 5 }),
        exitCodes.rolloutFailed,
        exitCodes.unreachable,
      ),
    ),
  )
  return nodes.flatMap(({ metadata }, at) => (answers[at]?.trim() === 'ok' ? [] : [metadata.name]))
}

export const ingressClass: Check<K3sSettings> = {
  id: 'k3s.ingress-class',
  title: 'The IngressClass of this environment exists',
  fix: 'install an ingress controller for that class, or correct INGRESS_CLASS in platform.env',
  async ask({ kube, settings }) {
    const found = await kube.get('ingressclasses.networking.k8s.io', settings.INGRESS_CLASS)
    const { controller = '' } = (found?.['spec'] ?? {}) as { controller?: string }
    if (found === undefined) return failed(`there is no IngressClass ${settings.INGRESS_CLASS}`)
    return passed(`${settings.INGRESS_CLASS}, controller ${controller}`)
  },
}

export const ingressAnswers: Check<K3sSettings> = {
  id: 'k3s.ingress',
  title: 'The ingress answers at every address',
  fix: 'an address that does not answer: look at the ingress pod of that node, then at its firewall',
  async ask({ http, settings }) {
    const host = `ingress-check.${settings.DOMAIN}`
    const addresses = itemsOf(settings.INGRESS_ADDRESSES)
    if (addresses.length === 0)
      return warning('INGRESS_ADDRESSES is empty: each application proves its own public name')
    const seen = await Promise.all(
      addresses.map(async (at) => `${at}: ${(await http.askAt(at, host, '/')).status}`),
    )
    // No application has this name: a 404 comes from the ingress itself.
    const wrong = seen.filter((one) => !one.endsWith(': 404'))
    return wrong.length === 0 ? passed(seen.join(', ')) : failed(wrong.join(', '))
  },
}

export const registry: Check<K3sSettings> = {
  id: 'k3s.registry',
  title: 'The private registry lets pods pull, where one is set',
  fix: 'kubectl -n keybuzz-probe describe pods -l app.kubernetes.io/component=pull; REGISTRY_USER and REGISTRY_PASSWORD, then module 9 again',
  async ask({ kube, settings: { REGISTRY_SERVER: server } }) {
    if (server === undefined) return passed('none is set: images are pulled without an account')
    const wanted = await kube.get('deployments.apps', 'pull', probeNamespace)
    if (wanted === undefined) return warning(`not proven: no image of versions.json comes from ${server}`)
    const [puller] = await probesOf(kube, parts.pull)
    return puller === undefined
      ? failed(`an image of ${server} could not be pulled`)
      : passed(`an image of ${server} was pulled on ${puller.node}`)
  },
}

export const crashing: Check<K3sSettings> = {
  id: 'k3s.system-pods',
  title: 'The cluster’s own pods do not crash',
  fix: 'kubectl -n kube-system describe pod NAME; its logs with --previous',
  places: () => ({ NAME: '' }),
  async ask({ kube }) {
    const pods = await kube.list('pods', { namespace: 'kube-system' })
    // Pods without their image are reported by k3s.images.
    const waiting = pods.flatMap((pod) => {
      const { reason, noImage } = waitingOf(pod) ?? { noImage: true }
      return noImage ? [] : [`${pod.metadata.name} ${reason}`]
    })
    const [NAME = ''] = waiting.map((one) => one.split(' ')[0] ?? '')
    return waiting.length === 0 ? passed(`${pods.length} pods`) : failed(waiting.join('; '), { NAME })
  },
}
