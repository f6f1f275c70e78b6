import { awaitedLater } from '../../../lib/base/concurrency.mts'
import { wordsOf } from '../../../lib/base/errors.mts'
import { log } from '../../../lib/base/log.mts'
import type { pauseFor, Until } from '../../../lib/base/poll.mts'
import type { DrillTools } from '../../../lib/checks/drills.mts'
import type { Hosts, Member } from '../../../lib/hosts/hosts.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { probesOf } from '../../../lib/kube/probes.mts'
import { spreadOf } from '../addons/spread.mts'
import { addressOf, ingressPorts } from '../probes/network.mts'
import { parts, probeNamespace } from '../probes/probe.mts'
import type { K3sSettings } from '../settings.mts'
import { applicationQuestions } from './applications.mts'
import {
  answerSeconds,
  askEverySecond,
  awaySeconds,
  awayOf,
  awayText,
  leadSeconds,
  type Away,
  type Question,
} from './away.mts'
import { askFromPods, lostSeconds } from './from-pods.mts'
import { arm, isBack, startAgain, stopHard, untilHealthy, type Machine } from './stop-hard.mts'

type Tools = DrillTools<K3sSettings>

/** Most seconds the API may be away, and writes: etcd elects another leader within 5 to 10 s. */
const electionSeconds = 20

/** How a drill waits. */
export interface Waits {
  readonly until: Until
  /** Sleeps for milliseconds. @throws as pauseFor */
  readonly pause: typeof pauseFor
}

type Addressed = Pick<Member, 'name' | 'address' | 'publicAddress'>

/** What was seen while one machine was away. */
export interface Seen {
  readonly away: readonly Away[]
  /** What was away for too long, one sentence each. */
  readonly faults: readonly string[]
}

/**
 * Stops one machine hard, asks everything once a second while it is away, starts it again and waits until it is
 * healthy.
 * @throws KitError exit 9 when it does not become healthy, or could not be stopped or asked; exit 3, 5 to 9, 12, 130 or
 *   143, see KubeReader, Host.read and Writes.make. K3s is started again whatever is thrown: at once, or by its timer
 */
export async function withoutMachine(
  tools: Tools,
  machine: Machine,
  hosts: Hosts,
  waits: Waits,
): Promise<Seen> {
  const { breaking } = tools
  const { name } = machine.host
  const member = memberOf(hosts, machine)
  const started = performance.now()
  await breaking.avoid(addressesOf(member))
  try {
    const { away, isEarly } = await askWithout(tools, machine, member, waits)
    const server = hosts.servers.find((one) => one.name !== name) ?? machine.host
    await untilHealthy(machine, server, waits.until)
    log.ok(`${name} was away: ${awayText(away)}`, started)
    return {
      away,
      faults: [
        ...(isEarly ? [`${name} came back within ${awaySeconds} s: too soon to tell`] : []),
        ...away.flatMap(({ fault }) => (fault === undefined ? [] : `${fault}, without ${name}`)),
      ],
    }
  } finally {
    await breaking.avoid([])
  }
}

const memberOf = ({ members }: Hosts, { host: { name, address } }: Machine): Addressed =>
  members.find((one) => one.name === name) ?? { name, address }

/** By which addresses a kubeconfig may lead to a machine. */
const addressesOf = ({ address, publicAddress }: Addressed): string[] =>
  publicAddress === undefined ? [address] : [address, publicAddress]

/** As withoutMachine, until K3s was told to start again; `isEarly` when it had started before. */
async function askWithout(
  tools: Tools,
  machine: Machine,
  member: Addressed,
  { pause }: Waits,
): Promise<{ away: Away[]; isEarly: boolean }> {
  const { kube, breaking } = tools
  const nodes = (await kube.list('nodes', {})).filter(({ metadata }) => metadata.name !== member.name)
  const applications = await applicationQuestions(tools, member, addressOf(nodes.at(-1) ?? nothing))
  const writing = await breaking.startWriting(probeNamespace, 'drill')
  const questions: Question[] = [
    ...apiQuestions(tools),
    { what: 'a write', most: electionSeconds, ask: () => writing.write(answerSeconds).then(() => true) },
    ...applications,
  ]
  let isOver = false
  let asking: Promise<Away[]>[] = []
  try {
    await arm(machine)
    asking = [
      fromPods(tools, nodes, member.name),
      askEverySecond(questions, () => isOver, pause).then((answers) =>
        questions.map((one, at) => awayOf(one, answers[at] ?? [])),
      ),
    ].map((one) => awaitedLater(one))
    await pause(leadSeconds * 1000)
    try {
      await stopHard(machine)
      log.waiting(`${member.name} is away for ${awaySeconds} s`)
      return { away: (await Promise.all(asking)).flat(), isEarly: await isBack(machine) }
    } finally {
      await startAgain(machine)
    }
  } finally {
    isOver = true
    // What fails here is thrown above, or comes of what is.
    await Promise.allSettled(asking)
    await writing
      .end()
      .catch((thrown: unknown) => log.warn(`the drill's ConfigMap stays: ${wordsOf(thrown)}`))
  }
}

/** A cluster without another node: a drill does not begin on it. */
const nothing: LiveObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: '' }, status: {} }

function apiQuestions({ kube }: Pick<Tools, 'kube'>): Question[] {
  const raw = (path: string) => kube.raw(path, { once: true, timeoutSeconds: answerSeconds })
  return [
    { what: 'API', most: electionSeconds, ask: async () => (await raw('/readyz')).trim() === 'ok' },
    {
      what: 'metrics',
      most: lostSeconds,
      ask: async () => {
        const { items } = JSON.parse(await raw('/apis/metrics.k8s.io/v1beta1/nodes')) as { items: unknown[] }
        return items.length > 0
      },
    },
  ]
}

async function fromPods(
  { kube, settings }: Tools,
  nodes: readonly LiveObject[],
  away: string,
): Promise<Away[]> {
  const [port = 80] = ingressPorts(settings)
  return askFromPods(kube, {
    probes: (await probesOf(kube, parts.node)).filter(({ node }) => node !== away),
    ingresses: nodes.map((node) => ({ node: node.metadata.name, address: addressOf(node), port })),
    near: spreadOf(nodes).near,
  })
}
