import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import type { Deployment } from '../../../../lib/kube/types.mts'
import { injector } from '../../../../scripts/14_vault/manifests.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { freePort } from '../../free-port.mts'
import type { InjectorApi } from './injector-api.mts'
import { images } from './settings.mts'
import { standInFolder } from './standin-parts.mts'

// Injectors on loopback, the practice platform's stand-in and the real vault-k8s: each in a mount namespace with the folder of
// a service account, and with the environment of the kit's own Deployment.

const namespaced = ['--mount', '--map-root-user']
const part = join(process.env['PRACTICE_PARTS'] ?? '/nowhere', 'vault-k8s.xz')

/** Why no injector can run here; false where one can. CI has to be able to. */
export const withoutNamespaces: string | false =
  process.env['CI'] === 'true' || spawnSync('unshare', [...namespaced, 'true']).status === 0
    ? false
    : 'needs mount namespaces of Linux: unshare'

/** Why the real one cannot be asked. */
export const withoutPart: string | false =
  withoutNamespaces !== false
    ? withoutNamespaces
    : existsSync(part)
      ? false
      : 'needs PRACTICE_PARTS=FOLDER with vault-k8s.xz, built from github.com/hashicorp/vault-k8s, tag v1.7.6'

/** The command of an injector. */
export type Program = readonly string[]

export const standIn: Program = [process.execPath, join(standInFolder, 'injector.mjs')]

/** Unpacks the real one. @param folder where to */
export function unpackReal(folder: string): Program {
  const program = join(folder, 'vault-k8s')
  const most = 200_000_000
  writeFileSync(program, execFileSync('xz', ['--decompress', '--stdout', part], { maxBuffer: most }), {
    mode: 0o755,
  })
  return [program]
}

/** The environment of the container of the kit's Deployment, as the kubelet would make it of its references. */
export function environment(settings: VaultSettings, pod = 'pod-a'): Record<string, string> {
  const found = injector(settings, images).find(({ kind }) => kind === 'Deployment') as Deployment
  const [container] = found.spec?.template.spec?.containers ?? []
  const fields: Readonly<Record<string, string>> = {
    'metadata.namespace': 'vault-injector',
    'metadata.name': pod,
  }
  return Object.fromEntries(
    (container?.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ''] ?? settings.VAULT_CA?.reveal() ?? '',
    ]),
  )
}

/** What an injector answers. */
export interface Answer {
  readonly status: number
  readonly body: string
  /** The PEM of the certificate it served. */
  readonly certificate: string
}

/** A running injector. */
export interface Injector {
  /** What it said until now. */
  readonly log: () => string
  /** Sends it one request. @param ca PEM that must prove its certificate; unless given, none must */
  ask(path: string, options?: { body?: string; type?: string; ca?: string }): Promise<Answer>
  /** Its answer to the creation of a pod: `{ uid, allowed, patch, ... }`. */
  review(pod: object, namespace?: string): Promise<Record<string, unknown>>
  /** Ends it. @returns its exit code */
  end(): Promise<number | null>
}

/** Gives the pod of a template to the API server's admission, and takes the answer apart. */
const admission = (object: object, namespace: string) =>
  JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: { uid: 'u-1', operation: 'CREATE', namespace, object },
  })

/** Starts an injector as the pod of this name. @param more variables in place of the kit's; undefined for none */
export async function startInjector(
  program: Program,
  api: InjectorApi,
  settings: VaultSettings,
  { pod = 'pod-a', more = {} }: { pod?: string; more?: Record<string, string | undefined> } = {},
): Promise<Injector> {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-injector-'))
  mkdirSync(join(folder, 'serviceaccount'))
  const files = { token: 'token', namespace: 'vault-injector', 'ca.crt': api.ca }
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, 'serviceaccount', name), content)
  const port = await freePort()
  // It ends with this process, also when that is killed.
  const script =
    'mount -t tmpfs none /var/run && mkdir -p /var/run/secrets && cp -r "$0" /var/run/secrets/kubernetes.io && exec setpriv --pdeathsig KILL "$@"'
  const child = spawn('unshare', [...namespaced, 'sh', '-c', script, folder, ...program, 'agent-inject'], {
    env: {
      PATH: process.env['PATH'],
      ...environment(settings, pod),
      AGENT_INJECT_LISTEN: `127.0.0.1:${port}`,
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(api.port),
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (words) => (said += String(words)))
  const ended = once(child, 'exit')

  const ask: Injector['ask'] = (path, { body, type = 'application/json', ca } = {}) =>
    new Promise((resolve, reject) => {
      const trust =
        ca === undefined
          ? { rejectUnauthorized: false }
          : { ca, servername: 'vault-injector.vault-injector.svc' }
      const headers = type === '' ? {} : { 'content-type': type }
      const method = body === undefined ? 'GET' : 'POST'
      const sent = request(
        { host: '127.0.0.1', port, path, method, headers, agent: false, ...trust },
        (response) => {
          const { raw } = (response.socket as TLSSocket).getPeerCertificate()
          const certificate = `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`
          text(response).then(
            (words) => resolve({ status: response.statusCode ?? 0, body: words, certificate }),
            reject,
          )
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })

  return {
    log: () => said,
    ask,
    async review(object, namespace = 'vault-check') {
      const { status, body } = await ask('/mutate', { body: admission(object, namespace) })
      if (status !== 200) throw new Error(`${status} ${body}`)
      return (JSON.parse(body) as { response: Record<string, unknown> }).response
    },
    async end() {
      child.kill('SIGTERM')
      const [code] = (await ended) as [number | null]
      rmSync(folder, { recursive: true, force: true })
      return code
    },
  }
}

/** Waits until something holds, for 30 s. @throws Error with what it last was not */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const started = performance.now(); performance.now() - started < 30_000;) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`not within 30 s: ${what}`)
}

/** Waits until it listens. @throws Error with its log */
export const ready = (one: Injector): Promise<void> =>
  until('ready', () =>
    one.ask('/health/ready').then(
      ({ status }) => status === 204,
      () => false,
    ),
  ).catch(() => {
    throw new Error(`it does not listen: ${one.log()}`)
  })
