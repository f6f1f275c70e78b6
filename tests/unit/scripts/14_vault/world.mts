import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KitError } from '../../../../lib/base/errors.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import type { Tools } from '../../../../lib/checks/checks.mts'
import { kubectlError } from '../../../../lib/kube/kubectl-errors.mts'
import type { LiveObject, Pod } from '../../../../lib/kube/types.mts'
import { checkPod } from '../../../../scripts/14_vault/check-pod.mts'
import { policyPath, roleFields, rolePath } from '../../../../lib/backends/vault-access.mts'
import { accesses, checkPath } from '../../../../scripts/14_vault/roles.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { issuerName, makeSigner, signingKube, type Signing } from '../../vault/jwt.mts'
import { jwtOf, reviewerToken, type StandIn } from '../../vault/server.mts'
import { images, settingsFor } from './settings.mts'

// A cluster with the injector and the pod of the checks, all right, in front of the stand-in of Vault. The webhook is a
// stand-in too: it adds the containers that vault-k8s adds.

/** The injector's certificate and its CA, PEM. @param days until it ends: below 0 it has ended @param name it is for */
export function injectorCertificate(
  days: number,
  name = 'vault-injector.vault-injector.svc',
): { ca: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-injector-'))
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const time = (at: number): string => new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14) + 'Z'
  try {
    openssl(
      'req',
      ...curve,
      '-x509',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-days',
      '9',
      '-subj',
      '/CN=Agent Inject CA',
    )
    openssl('req', ...curve, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=Agent Inject')
    writeFileSync(join(folder, 'names'), `subjectAltName=DNS:${name}\n`)
    writeFileSync(join(folder, 'index'), '')
    const begin = time(Date.now() + (days - 2) * 86_400_000)
    const end = time(Date.now() + days * 86_400_000)
    const section = [
      '[ca]',
      'default_ca=own',
      '[own]',
      'database=index',
      'new_certs_dir=.',
      'default_md=sha256',
    ]
    writeFileSync(
      join(folder, 'conf'),
      [...section, 'rand_serial=yes', 'policy=any', '[any]', 'commonName=supplied', ''].join('\n'),
    )
    const signed = ['-in', 'leaf.csr', '-out', 'leaf.crt', '-startdate', begin, '-enddate', end]
    const by = ['-config', 'conf', '-cert', 'ca.crt', '-keyfile', 'ca.key', '-extfile', 'names']
    openssl('ca', '-batch', '-notext', ...by, ...signed)
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    return { ca: read('ca.crt'), cert: read('leaf.crt') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What one test makes wrong. */
export interface World {
  readonly pods?: LiveObject[]
  readonly certificate?: { ca: string; cert: string } | undefined
  /** The webhook's bundle, PEM; undefined: the certificate's CA. */
  readonly bundle?: string
  /** What the API server publishes and signs with; undefined: what Vault has. */
  readonly signing?: Signing
  /** As of a revision of an older kit: no account of the checks’ name in the injector’s namespace. */
  readonly noTwin?: true
  readonly noWebhook?: true
  readonly noSecret?: true
  /** Who the ConfigMap of the election names; undefined: injector-1; null: there is no ConfigMap. */
  readonly leader?: string | null
  readonly labelled?: readonly string[]
  /** Containers the webhook adds: to a pod that asks, in a labelled namespace. */
  readonly adds?: (asks: boolean, labelled: boolean) => readonly string[]
  /** The webhook does not answer. */
  readonly down?: boolean
  /** The API server's answer to a trial pod that asks. */
  readonly noTrial?: KitError
  /** And is asked about every pod. */
  readonly downForAll?: boolean
  readonly deployments?: LiveObject[]
  readonly statefulSets?: LiveObject[]
  readonly jobs?: LiveObject[]
  readonly events?: object[]
  /** Files in the pod, and the value of the file; undefined: that of Vault. */
  readonly files?: string
  readonly value?: string
  readonly tokens?: string
  readonly log?: string
  readonly settings?: Record<string, string>
}

const condition = (status: 'True' | 'False') => ({ conditions: [{ type: 'Ready', status }] })
export const pod = (name: string, namespace: string, component: string, more: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/component': component } },
  spec: { nodeName: `node-${name.at(-1)}` },
  status: {
    ...condition('True'),
    containerStatuses: [{ name: 'one', ready: true, restartCount: 0 }],
    ...more,
  },
})
export const rightPods = (): LiveObject[] => [
  pod('injector-1', 'vault-injector', 'injector'),
  pod('injector-2', 'vault-injector', 'injector'),
  pod('vault-check-1', 'vault-check', 'check'),
]

const base64 = (text: string): string => Buffer.from(text).toString('base64')
export const right = injectorCertificate(1)

/** The keys of the cluster: two, as while they are rotated. */
export const clusterKeys = [makeSigner('rsa'), makeSigner('ec')]

/** Fills the stand-in of Vault as step 02 leaves it. */
export function configured({ state, url, ca }: StandIn, settings: VaultSettings, value: string): void {
  const method = settings.VAULT_AUTH_METHOD
  state.documents.set('sys/auth', { [`${method}/`]: { type: method } })
  state.documents.set(
    `auth/${method}/config`,
    method === 'jwt'
      ? { bound_issuer: issuerName, jwt_validation_pubkeys: clusterKeys.map(({ pem }) => pem) }
      : { kubernetes_host: url, kubernetes_ca_cert: ca, token_reviewer_jwt: reviewerToken },
  )
  for (const access of accesses(settings)) {
    state.documents.set(rolePath(access), roleFields(access))
    state.documents.set(policyPath(access), { policy: access.rules })
  }
  state.documents.set(checkPath(settings), { data: { value } })
}

export const settingsOf = (vault: StandIn, more: Record<string, string> = {}): VaultSettings =>
  settingsFor({ VAULT_ADDR: vault.url, VAULT_CA: vault.ca, VAULT_KUBERNETES_URL: vault.url, ...more })

/** The tools of checks in such a world. */
export function toolsOf(vault: StandIn, world: World): Tools<VaultSettings> {
  const settings = settingsOf(vault, world.settings)
  const signing = signingKube(world.signing ?? { published: clusterKeys })
  const { cert, ca } = world.certificate ?? right
  const pods = world.pods ?? rightPods()
  const labelled = world.labelled ?? ['vault-check']
  const value = () => {
    const stored = vault.state.documents.get(checkPath(settings)) as { data: { value: string } }
    return world.value ?? stored.data.value
  }
  const live = (kind: string, name: string): unknown => {
    if (kind === 'deployments.apps') return checkPod(settings, images)
    if (kind.startsWith('mutatingwebhookconfigurations'))
      return world.noWebhook === true
        ? undefined
        : { webhooks: [{ clientConfig: { caBundle: base64(world.bundle ?? ca) } }] }
    if (kind === 'pods') return pods.find(({ metadata }) => metadata.name === name)
    if (kind === 'secrets') return world.noSecret === true ? undefined : { data: { cert: base64(cert) } }
    if (kind === 'configmaps')
      return world.leader === null
        ? undefined
        : { metadata: { name, ownerReferences: [{ kind: 'Pod', name: world.leader ?? 'injector-1' }] } }
    if (kind === 'serviceaccounts') return world.noTwin === true ? undefined : { metadata: { name } }
    return undefined
  }
  return {
    settings,
    kube: {
      get: (kind: string, name: string) => Promise.resolve(live(kind, name)),
      list(kind: string, { namespace }: { namespace?: string }) {
        if (kind === 'namespaces') return Promise.resolve(labelled.map((name) => ({ metadata: { name } })))
        const { deployments = [], statefulSets = [], jobs = [], events = [] } = world
        const others = {
          'deployments.apps': deployments,
          'statefulsets.apps': statefulSets,
          'jobs.batch': jobs,
          events,
        }
        if (kind in others) return Promise.resolve(others[kind as keyof typeof others])
        return Promise.resolve(pods.filter(({ metadata }) => metadata.namespace === namespace))
      },
      raw: (path: string) => (path.includes('/pods/') ? Promise.resolve(world.log ?? '') : signing.raw(path)),
      runIn(_pod: LiveObject, [program]: string[]) {
        if (program === 'ls') return Promise.resolve(world.files ?? 'check\n')
        if (program === 'sh') return Promise.resolve(world.tokens ?? '')
        return Promise.resolve(
          `${createHash('sha256').update(value()).digest('hex')}  /vault/secrets/check\n`,
        )
      },
      tokenOf: (...words: [string, string, string]) =>
        settings.VAULT_AUTH_METHOD === 'jwt'
          ? signing.tokenOf(...words)
          : Promise.resolve(sensitive(jwtOf(...words))),
      wouldCreate(object: Pod) {
        const asks = object.metadata?.annotations?.['vault.hashicorp.com/agent-inject'] === 'true'
        const isLabelled = labelled.includes(object.metadata?.namespace ?? '')
        if (asks && world.noTrial !== undefined) return Promise.reject(world.noTrial)
        if (world.down === true && ((asks && isLabelled) || world.downForAll === true))
          return Promise.reject(
            kubectlError(['create'], {
              code: 1,
              stderr:
                'Error from server (InternalError): Internal error occurred: failed calling webhook "vault.hashicorp.com": failed to call webhook: no endpoints available for service "vault-injector"',
            }),
          )
        const added =
          world.adds?.(asks, isLabelled) ?? (asks && isLabelled ? ['vault-agent-init', 'vault-agent'] : [])
        return Promise.resolve({
          spec: {
            initContainers: added.filter((name) => name.endsWith('-init')).map((name) => ({ name })),
            containers: [
              { name: 'check' },
              ...added.filter((name) => !name.endsWith('-init')).map((name) => ({ name })),
            ],
          },
        })
      },
    },
  } as unknown as Tools<VaultSettings>
}
