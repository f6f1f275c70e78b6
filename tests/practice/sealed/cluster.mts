import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Container, LiveObject, Manifest, Probe } from '../../../lib/kube/types.mts'
import { folderOf, machine } from './lay.mts'

// A stand-in for the API server: what the checks ask of one, told of the processes that `pod` started. Readiness is
// whatever the probes of the manifests say when they are asked.

const run = promisify(execFile)
const pod = (...words: string[]) => run(join(import.meta.dirname, 'pod'), words, { maxBuffer: 1 << 24 })
const read = (name: string, file: string): string => readFileSync(join(folderOf(name), file), 'utf8').trim()
const has = (name: string, file: string): boolean => existsSync(join(folderOf(name), file))
const isRunning = (name: string): boolean => has(name, 'pid') && !has(name, 'ended')

/** The status of a path, asked of a pod at its own address; 0 without an answer. */
function statusOf(name: string, port: number, path: string, seconds: number) {
  return new Promise<{ status: number; text: string }>((resolve) => {
    const options = { host: read(name, 'address'), port, path, timeout: seconds * 1000, agent: false }
    const request = get(options, (response) => {
      void response.toArray().then(
        (pieces) =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces as Buffer[]).toString() }),
        () => resolve({ status: 0, text: 'cut' }),
      )
    })
    request.on('timeout', () => request.destroy())
    request.on('error', ({ message }) => resolve({ status: 0, text: message }))
  })
}

/** A probe of the manifest, asked once as the kubelet asks it. */
export async function ask(name: string, kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe') {
  const container = JSON.parse(read(name, 'container.json')) as Container
  const probe: Probe = container[kind] ?? {}
  if (probe.httpGet !== undefined) {
    const { port, path = '/' } = probe.httpGet
    const { status } = await statusOf(name, Number(port), path, probe.timeoutSeconds ?? 1)
    return status >= 200 && status < 400
  }
  const command = probe.exec?.command ?? ['true']
  return pod('exec', name, ...command).then(
    () => true,
    () => false,
  )
}

/** Waits for pods as long as their start-up probe lets them start. @throws Error that names the one that is not ready */
export async function awaitReady(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { startupProbe, readinessProbe } = JSON.parse(read(name, 'container.json')) as Container
    const { periodSeconds = 10, failureThreshold = 3 } = startupProbe ?? {}
    const end = Date.now() + periodSeconds * failureThreshold * 1000
    while (!(await ask(name, readinessProbe === undefined ? 'startupProbe' : 'readinessProbe'))) {
      if (!isRunning(name)) throw new Error(`${name} ended: ${read(name, 'log').slice(-400)}`)
      if (Date.now() > end) throw new Error(`${name} is not ready`)
      await pause(1000)
    }
  }
}

async function live(name: string): Promise<LiveObject> {
  const started = read(name, 'started')
  const ready = await ask(name, 'readinessProbe')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'sealed',
      labels: JSON.parse(read(name, 'labels.json')) as Record<string, string>,
    },
    spec: { nodeName: 'sealed' },
    status: {
      podIP: read(name, 'address'),
      startTime: started,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [{ name, ready, restartCount: 0, state: { running: { startedAt: started } } }],
    },
  }
}

/** @param manifests the module's own objects: Deployments and Jobs are answered from them */
export function clusterOf(manifests: readonly Manifest[]): KubeReader {
  const named = (kind: string) => manifests.filter((one) => one.kind === kind) as LiveObject[]
  return {
    async list(kind, { labels = {} }) {
      const matches = ({ metadata }: LiveObject) =>
        Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value)
      if (kind === 'pods') {
        const names = readdirSync(join(machine, 'pods')).filter(isRunning)
        return (await Promise.all(names.map(live))).filter(matches)
      }
      return named('Job')
        .filter(matches)
        .map((one) => {
          const [name = ''] = Object.values(labels)
          const type = has(name, 'ended') && read(name, 'ended') === '0' ? 'Complete' : 'Failed'
          return { ...one, status: { conditions: [{ type, status: 'True' }] } }
        })
    },
    get: (_kind, name) => Promise.resolve(named('Deployment').find(({ metadata }) => metadata.name === name)),
    async raw(path) {
      const [, name = '', port, rest = ''] =
        /\/pods\/([\w-]+)(?::(\d+))?\/(?:proxy|log)(.*)$/.exec(path) ?? []
      if (port === undefined) return read(name, 'log')
      const { status, text } = await statusOf(name, Number(port), rest, 10)
      if (status < 200 || status > 299) throw new Error(`${name} ${rest} ${status} ${text}`)
      return text
    },
    runIn: async ({ metadata }, argv) => (await pod('exec', metadata.name, ...argv)).stdout,
    postTo: () => Promise.reject(new Error('nothing is posted here')),
    wouldCreate: () => Promise.reject(new Error('a sealed pod asks no API server')),
    tokenOf: () => Promise.reject(new Error('a sealed pod has no service account')),
  }
}
