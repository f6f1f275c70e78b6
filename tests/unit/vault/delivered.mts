import assert from 'node:assert/strict'
import type { Container, Deployment, Job, Manifest } from '../../../lib/kube/types.mts'

// What of a module's objects differs with SECRETS=vault, for the tests of each module that may.

/** Kinds and names, without Jobs: the name of a Job changes with its pod. */
export const named = (objects: readonly Manifest[]): string[] =>
  objects.map((one) => `${one.kind} ${one.metadata?.name}`).filter((one) => !one.startsWith('Job'))

/** Deployments and Jobs, in their order. */
export const workloadsIn = (objects: readonly Manifest[]): (Deployment | Job)[] =>
  (objects as (Deployment | Job)[]).filter(({ spec }) => spec?.template !== undefined)

/** The name of a workload, without the hash of a Job. */
export const nameIn = (one: Deployment | Job): string =>
  one.metadata?.name?.replace(/-[0-9a-f]{10}$/, '') ?? ''

/** The workload of a name. */
export function findIn(objects: readonly Manifest[], name: string): Deployment | Job {
  const found = workloadsIn(objects).find((one) => nameIn(one) === name)
  assert.ok(found, name)
  return found
}

/** Its one container. */
export function containerOf(one: Deployment | Job): Container {
  const [first, ...more] = one.spec?.template.spec?.containers ?? []
  assert.ok(first)
  assert.deepEqual(more, [])
  return first
}

export const annotationsOf = (one: Deployment | Job): Record<string, string> =>
  one.spec?.template.metadata?.annotations ?? {}

/** The names of the files that its pod asks for. */
export const askedBy = (one: Deployment | Job): string[] =>
  Object.keys(annotationsOf(one)).flatMap((key) => /agent-inject-secret-(.+)/.exec(key)?.[1] ?? [])

/** Requires that a pod asks for files by this role and as this user, and that nothing but its agent has the token. */
export function assertInjected(one: Deployment | Job, { role, user }: { role: string; user: number }): void {
  const prefix = 'vault.hashicorp.com/'
  const annotations = annotationsOf(one)
  const { spec } = one.spec?.template ?? {}
  assert.equal(annotations[`${prefix}agent-inject`], 'true')
  assert.equal(annotations[`${prefix}role`], role)
  assert.equal(annotations[`${prefix}agent-inject-containers`], containerOf(one).name)
  assert.equal(annotations[`${prefix}agent-run-as-user`], String(user))
  assert.equal(spec?.securityContext?.runAsUser, user)
  assert.equal(`keybuzz-${spec?.serviceAccountName}-staging`, role)
  assert.equal(spec?.automountServiceAccountToken, false)
  assert.ok(
    spec.volumes?.some(({ projected }) => projected?.sources?.[0]?.serviceAccountToken?.audience === 'vault'),
  )
  assert.ok(!JSON.stringify(containerOf(one).volumeMounts ?? []).includes('vault-token'))
  // An agent beside a Job would keep it from ending.
  const ends = String(one.kind) === 'Job' ? 'true' : undefined
  assert.equal(annotations[`${prefix}agent-pre-populate-only`], ends)
  for (const file of askedBy(one)) {
    assert.equal(annotations[`${prefix}error-on-missing-key-${file}`], 'true')
    assert.equal(annotations[`${prefix}agent-inject-perms-${file}`], '0400')
    assert.match(annotations[`${prefix}agent-inject-template-${file}`] ?? '', /\}\}\{\{- end -\}\}$/)
  }
  assert.ok(Object.keys(annotations).every((key) => (key.split('/')[1] ?? '').length <= 63))
}

/** Requires that a container reads no Secret, in any way. */
export function assertReadsNoSecret(one: Deployment | Job): void {
  const { env = [], envFrom = [] } = containerOf(one)
  assert.deepEqual(
    env.filter(({ valueFrom }) => valueFrom !== undefined),
    [],
  )
  assert.deepEqual(
    envFrom.filter(({ secretRef }) => secretRef !== undefined),
    [],
  )
}
