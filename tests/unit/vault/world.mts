import { createHash } from 'node:crypto'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites, type Writes } from '../../../lib/base/writes.mts'
import { roleFields, rolePath } from '../../../lib/backends/vault-access.mts'
import { accessOf } from '../../../lib/backends/vault-keeping.mts'
import { placeIn } from '../../../lib/kube/manifests/delivery.mts'
import { filesAskedBy } from '../../../lib/kube/manifests/injection.mts'
import {
  nameOf,
  type Deployment,
  type LiveObject,
  type Manifest,
  type PodTemplateSpec,
} from '../../../lib/kube/types.mts'
import type { Module } from '../../../lib/run/module.mts'
import type { Session } from '../../../lib/run/session.mts'
import type { VaultConnection } from '../../../lib/settings/platform-vault.mts'
import { namesOf } from '../../../lib/base/names.mts'
import { settingsOf } from '../scripts/rendered.mts'
import { signingKube, type Signing } from './jwt.mts'
import { adminToken, jwtOf, reviewerToken, type StandIn } from './server.mts'

// A cluster in which a module takes its values from the stand-in of Vault: its pods are those its own manifests make,
// with the agent that the injector adds, and each file has what the path and field of its annotation have in Vault.

/** What one test makes wrong. */
export interface World {
  /** Settings beside those that choose Vault. */
  readonly settings?: Record<string, string>
  /** Content by file name, in place of Vault's; undefined for a file that is not there. */
  readonly files?: Readonly<Record<string, string | undefined>>
  readonly more?: Readonly<Record<string, string>>
  /** The pods; unless given, one for each Deployment. */
  readonly pods?: (all: object[]) => object[]
  /** False: the service account does not exist. */
  readonly account?: boolean
  readonly objects?: object[]
  /** Objects that are not declared any more; unless given, the Secret of a module. */
  readonly unwanted?: object[]
  /** Objects of the whole cluster, by kind: `secrets`, `configmaps`. */
  readonly listed?: Readonly<Record<string, readonly object[]>>
  /** What this run applied. */
  readonly manifests?: readonly Manifest[]
  readonly injector?: { webhook?: object | undefined; deployment?: object | undefined }
  /** With what the API server signs tokens, for the method jwt. */
  readonly signing?: Signing
  readonly confirm?: readonly string[]
  readonly planning?: boolean
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Settings by which a module uses this Vault. */
export const inVault = (vault: StandIn, more: Record<string, string> = {}): Record<string, string> => ({
  SECRETS: 'vault',
  VAULT_ADDR: vault.url,
  VAULT_CA: vault.ca,
  VAULT_TOKEN: adminToken,
  ...more,
})

/** The injector's objects, as far as they are looked at. */
export const injector = (address: string, authPath = 'auth/kubernetes', ready = 2, type = 'kubernetes') => ({
  webhook: { webhooks: [{ clientConfig: { caBundle: 'Y2E=' } }] },
  deployment: {
    spec: {
      template: {
        spec: {
          containers: [
            {
              env: [
                { name: 'AGENT_INJECT_VAULT_ADDR', value: address },
                { name: 'AGENT_INJECT_VAULT_AUTH_PATH', value: authPath },
                { name: 'AGENT_INJECT_VAULT_AUTH_TYPE', value: type },
              ],
            },
          ],
        },
      },
    },
    status: { readyReplicas: ready },
  },
})

/** The objects of a module with these settings. */
export const objectsOf = (module: Module, settings: Record<string, string>): Manifest[] =>
  Object.values(
    module.objects(
      settingsOf(module, settings),
      Object.fromEntries(module.images.map((name) => [name, `${name}:1`])),
      {},
    ),
  ).flat()

export const templatesOf = (objects: readonly Manifest[]): PodTemplateSpec[] =>
  objects.flatMap((one) => (one as Deployment).spec?.template ?? [])

const ready = { conditions: [{ type: 'Ready', status: 'True' }] }

/** The pods of these objects, as the injector would have them. */
export const podsOf = (objects: readonly Manifest[]): object[] =>
  objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map((one) => {
      const { metadata, spec } = (one as Deployment).spec?.template ?? {}
      const asks = metadata?.annotations?.['vault.hashicorp.com/agent-inject'] === 'true'
      return {
        kind: 'Pod',
        metadata: { ...metadata, name: `${one.metadata?.name}-1`, namespace: one.metadata?.namespace },
        spec: {
          containers: [...(spec?.containers ?? []), ...(asks ? [{ name: 'vault-agent' }] : [])],
        },
        status: ready,
      }
    })

/** Opens the stand-in to a cluster, as module 14 does. */
export function opened({ state, url, ca }: StandIn): void {
  state.documents.set('sys/auth', { 'kubernetes/': { type: 'kubernetes' } })
  state.documents.set('auth/kubernetes/config', {
    kubernetes_host: url,
    kubernetes_ca_cert: ca,
    token_reviewer_jwt: reviewerToken,
  })
}

/** Fills it with values, role and policy of a module, as a run with a token leaves it. */
export function filled(vault: StandIn, module: Module, settings: Record<string, string>): void {
  const typed = settingsOf(module, settings)
  const place = placeIn(
    typed as unknown as VaultConnection,
    namesOf(module).namespace('staging'),
    module.slug,
  )
  const access = accessOf({ place })
  const values = Object.entries(module.secrets?.(typed) ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value.reveal()]],
  )
  vault.state.documents.set(place.path, { data: Object.fromEntries(values), metadata: { version: 1 } })
  vault.state.documents.set(`sys/policies/acl/${access.policy}`, { policy: access.rules })
  vault.state.documents.set(rolePath(access), roleFields(access))
}

/** Objects that were applied at the end of a run, and what had been deleted before. */
export interface Reapplied {
  readonly batch: readonly Manifest[]
  readonly after: readonly string[]
}

/** A run of a module in such a world, and the gate of its writes. */
export function runIn<M extends Module>(
  vault: StandIn,
  module: M,
  world: World = {},
): { session: Session<M>; writes: Writes; pruned: string[]; reapplied: Reapplied[] } {
  const settings = settingsOf(module, world.settings ?? inVault(vault))
  const writes = createWrites({ planning: world.planning ?? false, guard: () => Promise.resolve() })
  const found = world.injector ?? injector(vault.url)
  const all = podsOf(objectsOf(module, { ...world.settings, ...inVault(vault) }))
  const pods = (): object[] => world.pods?.(all) ?? all
  const stored = (path: string, field: string): string | undefined =>
    (vault.state.documents.get(path) as { data?: Record<string, string> } | undefined)?.data?.[field]
  const reader = {
    get: (kind: string, name: string, namespace?: string) => {
      if (kind.startsWith('mutatingwebhookconfigurations')) return Promise.resolve(found.webhook)
      if (kind === 'deployments.apps') return Promise.resolve(found.deployment)
      return Promise.resolve(world.account === false ? undefined : { metadata: { name, namespace } })
    },
    list: (kind: string) => Promise.resolve(kind === 'pods' ? pods() : (world.listed?.[kind] ?? [])),
    tokenOf: (...words: [string, string, string]) =>
      world.signing === undefined
        ? Promise.resolve(sensitive(jwtOf(...words)))
        : signingKube(world.signing).tokenOf(...words),
    runIn(pod: { metadata: { annotations?: Record<string, string> } }, _words: string[], how: object) {
      if ((how as { container?: string }).container !== 'vault-agent')
        return Promise.reject(new Error('the application has no sha256sum'))
      const { annotations = {} } = pod.metadata
      const files = filesAskedBy(annotations).flatMap((name) => {
        const path = annotations[`vault.hashicorp.com/agent-inject-secret-${name}`] ?? ''
        const [, field = ''] =
          /\.Data\.data\.(\w+) /.exec(
            annotations[`vault.hashicorp.com/agent-inject-template-${name}`] ?? '',
          ) ?? []
        const content = name in (world.files ?? {}) ? world.files?.[name] : stored(path, field)
        return content === undefined ? [] : [[name, content] as const]
      })
      const lines = [...files, ...Object.entries(world.more ?? {})].map(
        ([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}`,
      )
      return Promise.resolve(`${lines.join('\n')}\n`)
    },
  }
  const namespaces = [
    {
      metadata: {
        name: namesOf(module).namespace('staging'),
        labels: { 'app.kubernetes.io/managed-by': 'keybuzz' },
      },
    },
  ]
  const pruned: string[] = []
  const reapplied: Reapplied[] = []
  const unwanted = (world.unwanted ?? [
    { kind: 'Secret', metadata: { name: module.slug, namespace: namesOf(module).namespace('staging') } },
  ]) as LiveObject[]
  const session = {
    module,
    env: 'staging',
    inputs: { current: () => settings },
    writes,
    answers: { confirm: world.confirm ?? [], yes: true, canAsk: false },
    requireOpened: () => ({
      kube: {
        reader,
        objects: () => Promise.resolve(world.objects ?? []),
        manifests: world.manifests ?? [],
        reapply: (batch: readonly Manifest[]) =>
          Promise.resolve(void reapplied.push({ batch, after: [...pruned] })),
        unwanted: () => Promise.resolve(unwanted),
        prune(_step: string, isMeant: (live: LiveObject) => boolean) {
          pruned.push(...unwanted.filter(isMeant).map(nameOf))
          return Promise.resolve()
        },
      },
      look: { namespaces },
    }),
  } as unknown as Session<M>
  return { session, writes, pruned, reapplied }
}
