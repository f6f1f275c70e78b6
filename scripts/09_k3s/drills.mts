import { pollUntil, type Until } from '../../lib/base/poll.mts'
import { failed, passed, type Answer } from '../../lib/checks/checks.mts'
import type { Drill, DrillTools } from '../../lib/checks/drills.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import type { Host } from '../../lib/hosts/host.mts'
import type { Hosts } from '../../lib/hosts/hosts.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import type { k3s } from './module.mts'
import type { K3sSettings } from './settings.mts'
import { lookAtNetwork, questions } from './probes/network.mts'
import { probeNamespace } from './probes/probe.mts'
import { serverIsHealthy } from './nodes/readiness.mts'

/** A systemd timer that starts K3s again, even when the drill, this machine or the connection fails. */
const undo = 'keybuzz-drill-undo'

/** Seconds after which that timer starts K3s again. */
const armedSeconds = 90

/**
 * Stops K3s on a host, after starting the timer that starts it again.
 * @throws KitError exit 9 when a command fails; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
async function stopServer(host: Host): Promise<void> {
  const armed = await host.read(['systemctl', 'is-active', '--quiet', `${undo}.timer`])
  if (armed.code === 0) await disarm(host)
  await host.change(`arm the start of k3s in ${armedSeconds} s`, [
    'systemd-run',
    '--quiet',
    '--collect',
    `--unit=${undo}`,
    `--on-active=${armedSeconds}`,
    '--timer-property=AccuracySec=1s',
    'systemctl',
    'start',
    'k3s',
  ])
  await host.change('stop k3s', ['systemctl', 'stop', 'k3s'])
}

/** Stops that timer. @throws as stopServer */
const disarm = (host: Host): Promise<void> =>
  host.change(`disarm ${undo}`, ['systemctl', 'stop', `${undo}.timer`])

/** Starts K3s and waits until it is healthy; only then stops the timer. @throws as stopServer; exit 9, see Until */
async function startServer(host: Host, until: Until): Promise<void> {
  await host.change('start k3s', ['systemctl', 'start', '--no-block', 'k3s'])
  await until(serverIsHealthy(host))
  await disarm(host)
}

/** What fails while a server is stopped; empty when nothing does. */
async function lostWithout(name: string, tools: DrillTools<K3sSettings>): Promise<string[]> {
  const { kube, settings, breaking } = tools
  const ready = await kube.raw('/readyz')
  // A pod is deleted, created again and scheduled: writes of three kinds.
  await breaking.losePods(probeNamespace, ['guarded'])
  const nodes = (await kube.list('nodes', {})).filter(({ metadata }) => metadata.name !== name)
  const network = await lookAtNetwork(kube, nodes, settings)
  const canary = network.probes
    .filter(({ node }) => node !== name)
    .flatMap((probe) =>
      questions
        .canary(network, probe, settings)
        .filter(({ item }) => network.seen.get(probe.node)?.has(item) !== true)
        .map(({ what }) => `the canary from ${probe.node} through ${what}`),
    )
  return [
    ...(ready.trim() === 'ok' ? [] : [`the API: ${ready.trim()}`]),
    ...canary,
    ...(await notServing(tools)),
  ]
}

/** The kit's applications of this environment that respond with 5xx, with the status. */
async function notServing(tools: DrillTools<K3sSettings>): Promise<string[]> {
  const answers = await Promise.all(
    (await publicNames(tools)).map(async (host) => ({
      host,
      status: (await tools.http.ask(host, '/')).status,
    })),
  )
  return answers.filter(({ status }) => status >= 500).map(({ host, status }) => `${host}: ${status}`)
}

/** Seconds in which an application recovers from an earlier fault. */
const recovery = 60

/** As lostWithout, for a server that must be stopped until the end: K3s may have been started too early. */
async function lookWithout(host: Host, tools: DrillTools<K3sSettings>): Promise<string[]> {
  const lost = await lostWithout(host.name, tools)
  const { code } = await host.read(['systemctl', 'is-active', '--quiet', 'k3s'])
  return code === 0 ? [...lost, `${host.name} came back within ${armedSeconds} s: too soon to tell`] : lost
}

/** The public names of the kit's applications of this environment. */
async function publicNames({ kube, settings }: DrillTools<K3sSettings>): Promise<string[]> {
  const ours = { 'keybuzz.io/env': settings.ENV }
  const found = await kube.list('ingresses.networking.k8s.io', { labels: ours })
  const hosts = ({ spec }: LiveObject) =>
    (spec as { rules?: { host?: string }[] }).rules?.flatMap(({ host }) => host ?? []) ?? []
  return found.filter(({ metadata }) => metadata.namespace !== probeNamespace).flatMap(hosts)
}

/** The drills of module 9, on the hosts of a cluster that it installed. @param hosts connects to them */
export const drillsOn = (hosts: () => Promise<Hosts>, until: Until): DrillsOf<typeof k3s> => [
  masterAway(hosts, until),
]

const masterAway = (hosts: () => Promise<Hosts>, until: Until): Drill<K3sSettings> => ({
  id: 'k3s.master-away',
  title: 'One master away: the API answers, writes succeed, applications serve',
  fix: 'journalctl -u k3s on the other masters; etcd needs a majority of them',
  async run(tools): Promise<Answer> {
    const { masters } = await hosts()
    // Not the first: the kubeconfig leads to it.
    const host = masters.at(-1)
    if (host === undefined || masters.length < 3) {
      throw new KitError(`${masters.length} masters: one must not be away`, {
        exitCode: exitCodes.preflight,
        hint: 'add masters to servers.tsv until there are three, then run module 9',
      })
    }
    const before = await pollUntil(() => notServing(tools), {
      until: ({ length }) => length === 0,
      milliseconds: recovery * 1000,
      every: 2000,
      waiting: (names) => `${names.join(', ')}: the drill begins when they serve`,
    })
    if (before.length > 0) return failed(`not begun: ${before.join(', ')} with every master there`)
    await stopServer(host)
    const started = performance.now()
    let lost: string[]
    try {
      lost = await lookWithout(host, tools)
    } finally {
      await startServer(host, until)
    }
    const seconds = Math.round((performance.now() - started) / 1000)
    return lost.length === 0
      ? passed(`${host.name} away and healthy again in ${seconds} s`)
      : failed(lost.join(', '))
  },
})
