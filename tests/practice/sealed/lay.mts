import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type {
  ConfigMap,
  Container,
  Deployment,
  Job,
  Manifest,
  PodSpec,
  Secret,
} from '../../../lib/kube/types.mts'
import { resolve, typed, type RawValues, type Settings } from '../../../lib/settings/settings.mts'
import type { Module } from '../../../lib/run/module.mts'
import { environmentOf } from '../../unit/scripts/rendered.mts'

// Pods of a module's own objects, each laid into a folder the program `pod` starts it from.

/** The machine's folder. */
export const machine = process.env['SEALED_MACHINE'] ?? ''

/** Where PostgreSQL, Redis and the ingress are. */
export const host = '10.42.0.1'
/** The CA of the machine's servers, and their certificate. */
const tls = join(machine, 'tls/ours')
/** Where Redis takes encrypted connections, and no others. */
const tlsPort = 6380
/** Every sign that must be written otherwise in an address, a shell or a file of Redis. */
const awkward = `p%40@:/#?&=+"'$x`

/** What the platform's settings are here. */
const platform: RawValues = {
  DOMAIN: 'sealed.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  INGRESS_ADDRESSES: `${host}:80`,
  POSTGRES_HOST: host,
  POSTGRES_SUPERUSER: 'admin',
  POSTGRES_PASSWORD: 'superuser-of-the-tests',
  REDIS_HOST: host,
  REDIS_PASSWORD: `redis ${awkward}`,
  ...encrypted(process.env['SEALED_TLS'] ?? 'off'),
}

/** The settings of TLS to both backends. @param mode a word of POSTGRES_TLS */
function encrypted(mode: string): RawValues {
  if (mode === 'off') return {}
  const ca = readFileSync(join(tls, 'ca.crt'), 'utf8')
  const trusted = mode === 'verify' ? { POSTGRES_CA: ca, REDIS_CA: ca } : {}
  return { POSTGRES_TLS: mode, REDIS_TLS: mode, REDIS_PORT: String(tlsPort), ...trusted }
}

/** A password with the same signs. */
export const awkwardPassword = (word: string): string => `${word}${awkward}`

/** The settings of a module in this machine. */
export function settingsOf(module: Module, own: RawValues): Settings {
  const sources = { env: 'sealed', overrides: {}, saved: { ...platform, ...own }, variables: {} }
  return typed('sealed', resolve([...module.shared, ...module.settings], sources))
}

/** What PostgreSQL and Redis are started with. */
export function layBackends(): void {
  writeFileSync(join(machine, 'password'), `${platform['POSTGRES_PASSWORD']}\n`, { mode: 0o600 })
  const lines = [
    `bind ${host}`,
    `requirepass ${JSON.stringify(platform['REDIS_PASSWORD'])}`,
    'maxmemory-policy noeviction',
    'save ""',
    ...(platform['REDIS_TLS'] === undefined
      ? []
      : [
          'port 0',
          `tls-port ${tlsPort}`,
          `tls-cert-file ${join(tls, 'server.crt')}`,
          `tls-key-file ${join(tls, 'server.key')}`,
          'tls-auth-clients no',
        ]),
  ]
  writeFileSync(join(machine, 'redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 })
}

/** One pod to be. */
export interface Laid {
  readonly name: string
  /** The last number of its address: 10.42.0.N. */
  readonly last: number
  readonly spec: PodSpec
  readonly labels: Readonly<Record<string, string>>
  /** What the image's entrypoint puts before the arguments of the container. */
  readonly entrypoint?: readonly string[]
  /** Variables of the manifest it does not get: what is missing is named by the test. */
  readonly without?: RegExp
  /** Other names the cluster's DNS would know. */
  readonly names?: Readonly<Record<string, number>>
  /** Names of users in the image, by number. */
  readonly users: Readonly<Record<string, number>>
}

export const addressOf = (last: number): string => `10.42.0.${last}`
export const folderOf = (name: string): string => join(machine, 'pods', name)

/** The pod that a Deployment or Job makes. @param name pattern of its name */
export function templateOf(manifests: Manifest[], kind: 'Deployment' | 'Job', name: RegExp) {
  const found = manifests.find((one) => one.kind === kind && name.test(one.metadata?.name ?? ''))
  const { metadata, spec } = (found as Deployment | Job | undefined)?.spec?.template ?? {}
  if (spec === undefined) throw new Error(`the module has no ${kind} ${name.source}`)
  return { spec, labels: metadata?.labels ?? {} }
}

/** Lays a pod. @param manifests the ConfigMaps and Secrets it reads @param venv the folder of its Python */
export function lay(manifests: Manifest[], venv: string, pod: Laid): void {
  const [container] = pod.spec.containers as [Container]
  const folder = folderOf(pod.name)
  rmSync(folder, { recursive: true, force: true })
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text, { mode })
  }
  const environment = Object.entries(environmentOf(container, manifests)).filter(
    ([key]) => pod.without?.test(key) !== true,
  )
  const words = [...(container.command ?? pod.entrypoint ?? []), ...(container.args ?? [])]
  write('env', environment.map(([key, value]) => `${key}=${value}\0`).join(''), 0o600)
  write('args', words.map((word) => `${word}\0`).join(''))
  write('address', addressOf(pod.last))
  write('user', String(pod.spec.securityContext?.runAsUser ?? 0))
  write('venv', venv)
  write('labels.json', JSON.stringify(pod.labels))
  write('container.json', JSON.stringify(container))
  const names = { localhost: undefined, [pod.name]: pod.last, ...pod.names }
  const lines = Object.entries(names).map(
    ([name, last]) => `${last === undefined ? '127.0.0.1' : addressOf(last)} ${name}\n`,
  )
  write('files/etc/hosts', lines.join(''))
  const users = Object.entries({ root: 0, ...pod.users })
  write('files/etc/passwd', users.map(([name, id]) => `${name}:x:${id}:${id}::/tmp:/sbin/nologin\n`).join(''))
  const scratch: string[] = []
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const volume = pod.spec.volumes?.find((one) => one.name === name)
    if (volume?.emptyDir !== undefined) scratch.push(`${mountPath}\n`)
    for (const [file, text] of filesIn(volume, manifests)) write(join('files', mountPath, file), text)
  }
  write('scratch', scratch.join(''))
}

/** The files of a volume that is a ConfigMap or a Secret: name and text. */
function filesIn(
  volume: NonNullable<PodSpec['volumes']>[number] | undefined,
  manifests: Manifest[],
): (readonly [string, string])[] {
  const named = (kind: string, name: string | undefined) =>
    manifests.find((one) => one.kind === kind && one.metadata?.name === name)
  const map = named('ConfigMap', volume?.configMap?.name) as ConfigMap | undefined
  const secret = named('Secret', volume?.secret?.secretName) as Secret | undefined
  const decoded = Object.entries(secret?.data ?? {}).map(
    ([file, data]) => [file, Buffer.from(data, 'base64').toString()] as const,
  )
  return [...Object.entries(map?.data ?? {}), ...decoded]
}

/** Another pod like one that is laid, under a name and address of its own, for a test to spoil. */
export function layLike(name: string, like: string, last: number): void {
  const folder = folderOf(name)
  rmSync(folder, { recursive: true, force: true })
  cpSync(folderOf(like), folder, {
    recursive: true,
    filter: (path) => !/\/(?:root|log|pid|started|ended)$/.test(path),
  })
  writeFileSync(join(folder, 'address'), addressOf(last))
}
