import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Condition } from '../../../../lib/base/poll.mts'
import type { Answer } from '../../../../lib/checks/checks.mts'
import type { DrillTools } from '../../../../lib/checks/drills.mts'
import type { Hosts } from '../../../../lib/hosts/hosts.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { drillsOn } from '../../../../scripts/09_k3s/drills.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'

// A cluster and its hosts that are only written down: what a drill does to them, in which order, and what it is told.
// Its clock goes on by itself, as fast as the drill waits.

export interface World {
  masters?: number
  workers?: number
  /** Only these hosts are worked on, as with --limit. */
  limit?: readonly string[]
  /** Hosts that cannot be connected to. */
  lost?: readonly string[]
  /** Objects of the cluster beside its nodes and probes, by kind as kubectl names it. */
  objects?: Readonly<Record<string, readonly LiveObject[]>>
  notReady?: string
  withoutProbe?: string
  /** The timer of an earlier drill still runs. */
  isArmed?: boolean
  /** K3s came back while it should have been away: what systemd calls its state. */
  isEarly?: 'active' | 'activating'
  /** Whether something answers, so many seconds after a machine was stopped: `/readyz`, `write`, a public name. */
  answers?: (what: string, second: number, machine: string) => boolean
  /** What a pod saw in a second of its own count: `names`, `page=...`. */
  seen?: (item: string, second: number) => boolean
  /** Called with everything that is done; it may throw. */
  onDone?: (what: string) => void
  /** INGRESS_ADDRESSES: both workers unless given. */
  ingressAddresses?: string
  /** Public names do not serve before anything is stopped. */
  isDown?: boolean
  /** A workload that lacks a ready pod: `traefik`, `probe`, `coredns`. */
  lacking?: string
  ingressController?: 'existing'
  /** What never becomes ready. */
  stuck?: string
}

export const nodeNamed = (name: string, more: { taints?: object[]; address?: string } = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: {} },
  spec: { taints: more.taints ?? [] },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    allocatable: { cpu: '4', memory: '8Gi' },
    nodeInfo: { kubeletVersion: 'v1.36.3+k3s1' },
    addresses: [{ type: 'InternalIP', address: more.address ?? '192.0.2.9' }],
  },
})

/** A ready pod. */
export const podOf = (
  namespace: string,
  name: string,
  node: string,
  { labels = {}, claim = false, cpu = '1m', at = '2026-11-29T10:00:00Z' } = {} as {
    labels?: Record<string, string>
    claim?: boolean
    cpu?: string
    at?: string
  },
): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels, creationTimestamp: at },
  spec: {
    nodeName: node,
    containers: [{ name: 'c', resources: { requests: { cpu } } }],
    volumes: claim ? [{ name: 'v', persistentVolumeClaim: { claimName: 'v' } }] : [],
  },
  status: {
    phase: 'Running',
    podIP: '10.42.0.9',
    conditions: [{ type: 'Ready', status: 'True' }],
  },
})

/** What is on a cluster with one application: its public name, and pods on these nodes. */
export function application(
  name: string,
  nodes: readonly string[],
  more: { claim?: boolean; cpu?: string } = {},
) {
  const namespace = `${name}-dev`
  const labels = { app: name }
  const pods = nodes.map((node, at) =>
    podOf(namespace, `${name}-${at}`, node, { labels, at: `2026-11-29T10:0${at}:00Z`, ...more }),
  )
  const metadata = { name, namespace, generation: 1 }
  const status = {
    observedGeneration: 1,
    replicas: nodes.length,
    updatedReplicas: nodes.length,
    availableReplicas: nodes.length,
  }
  const one = (kind: string, fields: object) =>
    ({ apiVersion: 'v1', kind, metadata, ...fields }) as LiveObject
  const paths = [{ path: '/', backend: { service: { name } } }]
  return {
    pods,
    'deployments.apps': [
      one('Deployment', { spec: { replicas: nodes.length, selector: { matchLabels: labels } }, status }),
    ],
    'ingresses.networking.k8s.io': [
      one('Ingress', { spec: { rules: [{ host: `${name}.dev.example.com`, http: { paths } }] } }),
    ],
    'endpointslices.discovery.k8s.io': [
      one('EndpointSlice', {
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
        endpoints: pods.map((pod) => ({ targetRef: { name: pod.metadata.name } })),
      }),
    ],
  }
}

export const budget = (disruptionsAllowed: number, expectedPods = 2): LiveObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'api', namespace: 'keybuzz' },
  status: { expectedPods, disruptionsAllowed },
})

/** Gives the clock: each pause ends when all shorter ones have. */
function createClock() {
  let now = 0
  const waiting: { at: number; go: () => void }[] = []
  const turn = () =>
    setImmediate(() => {
      const next = waiting.toSorted((one, other) => one.at - other.at)[0]
      if (next === undefined) return
      waiting.splice(waiting.indexOf(next), 1)
      now = next.at
      next.go()
      if (waiting.length > 0) turn()
    })
  return {
    now: () => now,
    pause: (milliseconds: number) =>
      new Promise<void>((resolve) => {
        waiting.push({ at: now + milliseconds, go: resolve })
        if (waiting.length === 1) turn()
      }),
  }
}

/** Runs the drill of module 9 in a world. @returns what was done, in order, what it sent, and its answer or error */
export async function drill(world: World) {
  const { masters = 3, workers = 2, objects = {}, answers = () => true, seen = () => true } = world
  const clock = createClock()
  const did: string[] = []
  const sent: string[] = []
  const asked: string[] = []
  let away: { name: string; since: number } | undefined
  const done = (what: string) => {
    did.push(what)
    world.onDone?.(what)
  }
  const members = [
    ...Array.from({ length: masters }, (_, at) => ['master', at + 1] as const),
    ...Array.from({ length: workers }, (_, at) => ['worker', at + 1] as const),
  ].map(([role, at]) => ({
    name: `${role}-0${at}`,
    address: `10.0.0.${role === 'master' ? at : 20 + at}`,
    role,
    publicAddress: `198.51.100.${role === 'master' ? at : 20 + at}`,
  }))
  const all = members.map(({ name, address }) => ({
    name,
    address,
    read: (words: readonly string[]) => {
      const isTimer = words.at(-1)?.endsWith('.timer') === true
      const state = isTimer && world.isArmed === true ? 'active' : isTimer ? undefined : world.isEarly
      return Promise.resolve({
        code: state === 'active' ? 0 : 3,
        stdout: words.includes('--quiet') ? '' : `${state ?? 'inactive'}\n`,
        stderr: '',
      })
    },
    change: async (what: string, _words: readonly string[], options?: { input?: string }) => {
      done(`${name}: ${what}`)
      if (options?.input !== undefined) {
        sent.push(options.input)
        away = { name, since: clock.now() }
      }
      return Promise.resolve()
    },
    undo: async (what: string) => {
      away = undefined
      done(`${name}: ${what}`)
      return Promise.resolve()
    },
  }))
  const of = (role: string) =>
    all.filter(
      ({ name }) =>
        name.startsWith(role) && (world.limit?.includes(name) ?? true) && world.lost?.includes(name) !== true,
    )
  const hosts = {
    servers: all.filter(({ name }) => name.startsWith('master')),
    masters: of('master'),
    workers: of('worker'),
    lost: (world.lost ?? []).map((name) => ({ name, limited: world.limit?.includes(name) ?? true })),
    members,
  } as unknown as Hosts
  const nodes = members.map(({ name, address, role }) => {
    const taints = role === 'master' ? [{ key: 'control-plane', effect: 'NoSchedule' }] : []
    const node = nodeNamed(name, { taints, address })
    return name === world.notReady ? { ...node, status: { conditions: [] } } : node
  })
  const probes = members
    .filter(({ name }) => name !== world.withoutProbe)
    .map(({ name }) => podOf('keybuzz-probe', `probe-${name}`, name))
  const answer = (what: string): boolean => {
    asked.push(what)
    return away === undefined || answers(what, Math.round((clock.now() - away.since) / 1000), away.name)
  }
  const orSilent = <T,>(what: string, value: T): Promise<T> =>
    answer(what)
      ? Promise.resolve(value)
      : Promise.reject(new KitError(`${what}: no answer`, { exitCode: exitCodes.unreachable }))
  const tools = {
    settings: {
      ENV: 'dev',
      DOMAIN: 'dev.example.com',
      INGRESS_NODE_PORT: 0,
      INGRESS_CONTROLLER: world.ingressController ?? 'traefik',
      INGRESS_ADDRESSES: world.ingressAddresses ?? '10.0.0.21:80,10.0.0.22:80',
    },
    kube: {
      raw: (path: string) =>
        path === '/readyz'
          ? orSilent(path, 'ok')
          : orSilent(path, JSON.stringify({ items: [{}], status: { availableReplicas: 1 } })),
      get: (kind: string, name: string, namespace: string) => {
        if (kind === 'daemonsets.apps') {
          const all = members.length
          const ready = name === world.lacking ? all - 1 : all
          const status = { desiredNumberScheduled: all, updatedNumberScheduled: all, numberReady: ready }
          return Promise.resolve({
            metadata: { name, namespace },
            status: { ...status, observedGeneration: 1 },
          })
        }
        return orSilent(name, {
          metadata: { name, namespace },
          kind: 'Deployment',
          spec: { replicas: 1 },
          status: { replicas: 1, updatedReplicas: 1, availableReplicas: name === world.lacking ? 0 : 1 },
        })
      },
      list: (kind: string, { namespace }: { namespace?: string }) => {
        if (kind === 'nodes') return Promise.resolve(nodes)
        if (kind !== 'pods') return Promise.resolve(objects[kind] ?? [])
        const pods = [...probes, ...(objects['pods'] ?? [])]
        return Promise.resolve(
          pods.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
        )
      },
      runIn: (_pod: LiveObject, argv: readonly string[]) => {
        const [seconds = '0', ...items] = argv.slice(argv.lastIndexOf('sh') + 1)
        const lines = Array.from({ length: Number(seconds) }, (_, second) =>
          items.filter((item) => seen(item, second)).map((item) => `${second} ${item}`),
        )
        return Promise.resolve(`${lines.flat().join('\n')}\n`)
      },
    },
    http: {
      ask: (host: string) => Promise.resolve({ status: world.isDown !== true && answer(host) ? 200 : 502 }),
      askAt: (address: string, host: string) => {
        asked.push(`${host} at ${address}`)
        return Promise.resolve({ status: answer(host) ? 200 : 502 })
      },
    },
    breaking: {
      avoid: (all: readonly string[]) => Promise.resolve(done(`avoid ${all.join(', ') || 'nothing'}`)),
      startWriting: () =>
        Promise.resolve({
          write: () => orSilent('write', undefined),
          end: async () => Promise.resolve(done('no more writes')),
        }),
      evict: (pod: LiveObject) => Promise.resolve(done(`evict ${pod.metadata.name}`)),
    },
  } as unknown as DrillTools<K3sSettings>
  const until = async ({ what, missing }: Condition) => {
    done(`until ${what}`)
    const left = what === world.stuck ? 'it does not come' : what.includes('-0') ? '' : await missing()
    if (left !== '' && !what.startsWith('DNS'))
      throw new KitError(`${what} did not become ready: ${left}`, { exitCode: exitCodes.rolloutFailed })
  }
  const [only] = drillsOn(() => Promise.resolve(hosts), until, clock.pause)
  const result = await Promise.resolve(only?.require?.(tools))
    .then(() => only?.run(tools))
    .catch((thrown: unknown) => thrown as KitError)
  return { did, sent, asked, answer: result as Answer & KitError }
}
