import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namespace } from '../../../lib/kube/manifests/objects.mts'
import type { Container, DaemonSet, Manifest, PodSpec } from '../../../lib/kube/types.mts'
import { k3s } from '../../../scripts/09_k3s/module.mts'
import { ingress } from '../../../scripts/09_k3s/ingress/manifests.mts'
import { ownVolume, probes, single } from '../../../scripts/09_k3s/probes/probe.mts'
import type { K3sSettings } from '../../../scripts/09_k3s/settings.mts'
import { podsOf, rendered } from './rendered.mts'

// Pod Security Standards as the API server judges them, over every pod the kit makes, and what each may take of its
// node's disk.

const containersOf = ({ containers, initContainers = [] }: PodSpec): Container[] => [
  ...containers,
  ...initContainers,
]
const allowedVolumes = new Set([
  'name',
  'configMap',
  'emptyDir',
  'secret',
  'projected',
  'ephemeral',
  'persistentVolumeClaim',
  'image',
])

/** What the level `baseline` refuses of a pod, as far as the kit could do it. */
const againstBaseline = (pod: PodSpec): string[] => [
  ...(pod.hostNetwork === true ? ['hostNetwork'] : []),
  ...(pod.volumes ?? []).flatMap((one) => ('hostPath' in one ? ['hostPath'] : [])),
  ...containersOf(pod).flatMap(({ name, ports = [], securityContext = {} }) => [
    ...(securityContext.privileged === true ? [`${name}: privileged`] : []),
    ...ports.flatMap(({ hostPort }) => (hostPort === undefined ? [] : [`${name}: hostPort`])),
  ]),
]

const againstRestricted = (pod: PodSpec): string[] => [
  ...againstBaseline(pod),
  ...(pod.securityContext?.runAsNonRoot === true ? [] : ['runAsNonRoot']),
  ...(pod.securityContext?.runAsUser === 0 ? ['runAsUser 0'] : []),
  ...(pod.securityContext?.seccompProfile?.type === 'RuntimeDefault' ? [] : ['seccompProfile']),
  ...(pod.volumes ?? []).flatMap((one) => Object.keys(one).filter((key) => !allowedVolumes.has(key))),
  ...containersOf(pod).flatMap(
    ({ name, securityContext: { allowPrivilegeEscalation, capabilities } = {} }) => [
      ...(allowPrivilegeEscalation === false ? [] : [`${name}: allowPrivilegeEscalation`]),
      ...(capabilities?.drop?.includes('ALL') === true && capabilities.add === undefined
        ? []
        : [`${name}: capabilities`]),
    ],
  ),
]

const k3sSettings = { DOMAIN: 'example.com', INGRESS_CLASS: 'nginx', INGRESS_NODE_PORT: 0 } as K3sSettings
const probePods = [
  ...podsOf(probes(k3sSettings, 'probe:1')),
  ...podsOf([
    single('guarded', 'probe:1'),
    single('volume', 'probe:1', ownVolume),
    // Image volumes are restricted from the version on that has them (pod-security-admission 0.36).
    single('pull', 'probe:1', { name: 'pulled', image: { reference: 'app:1', pullPolicy: 'Always' } }),
  ]),
]
const traefik = ingress(k3sSettings, { traefik: 'traefik:1' })

const levelOf = (manifests: readonly Manifest[]): string | undefined =>
  manifests.find(({ kind }) => kind === 'Namespace')?.metadata?.labels?.['pod-security.kubernetes.io/enforce']

for (const [module, render] of Object.entries(rendered)) {
  test(`${module}: its namespace forbids what restricted forbids, and its pods need none of it`, () => {
    const manifests = render({})
    assert.equal(levelOf(manifests), 'restricted')
    assert.ok(podsOf(manifests).length >= 2)
    for (const pod of podsOf(manifests)) assert.deepEqual(againstRestricted(pod), [])
  })
}

test('Chatwoot as root: baseline, because nothing but root is more than restricted', () => {
  const manifests = rendered['chatwoot']?.({ CHATWOOT_ROOT: 'true' }) ?? []
  assert.equal(levelOf(manifests), 'baseline')
  for (const pod of podsOf(manifests)) {
    assert.deepEqual(againstBaseline(pod), [])
    assert.deepEqual(againstRestricted(pod), ['runAsNonRoot', 'runAsUser 0'])
  }
})

test('the probes are restricted too; the ingress alone is on its node’s own network', () => {
  assert.equal(levelOf(probes(k3sSettings, 'probe:1')), 'restricted')
  for (const pod of probePods) assert.deepEqual(againstRestricted(pod), [])
  assert.equal(levelOf(traefik), 'privileged')
  const [pod] = podsOf(traefik)
  assert.ok(pod)
  assert.deepEqual(againstBaseline(pod), ['hostNetwork'])
  assert.equal(levelOf([namespace('keybuzz-system')]), 'restricted')
})

const mebibytes = (text: string): number => {
  const [, number = '', unit = ''] = /^(\d+)(Mi|Gi)$/.exec(text) ?? []
  return Number(number) * (unit === 'Gi' ? 1024 : 1)
}

test('module 9 says that Traefik may read every Secret, and its rules say nothing else', () => {
  assert.match(
    k3s.notProven({ ENV: 'dev' } as K3sSettings).join('\n'),
    /Traefik may read every Secret of the cluster/,
  )
  const role = traefik.find(({ kind }) => kind === 'ClusterRole') as { rules?: { resources: string[] }[] }
  assert.ok(role.rules?.some(({ resources }) => resources.includes('secrets')))
})

test('every container says what it takes of its node’s disk, and every emptyDir what it may hold', () => {
  const all = Object.values(rendered).flatMap((render) => [...render({}), ...render({ S3_ENDPOINT: '' })])
  const pods = [...podsOf([...all, ...traefik]), ...probePods]
  for (const pod of pods) {
    let limit = 0
    for (const { name, resources } of containersOf(pod)) {
      const [least, most] = [
        resources?.requests?.['ephemeral-storage'],
        resources?.limits?.['ephemeral-storage'],
      ]
      assert.ok(mebibytes(least ?? '') > 0 && mebibytes(least ?? '') <= mebibytes(most ?? ''), name)
      limit += mebibytes(most ?? '')
    }
    for (const { name, emptyDir } of pod.volumes ?? []) {
      if (emptyDir === undefined) continue
      const size = mebibytes(emptyDir.sizeLimit ?? '')
      assert.ok(size > 0, name)
      // A folder that may hold more than its pod would never be full: the pod would be evicted.
      assert.ok(size < limit, name)
    }
  }
  const daemon = traefik.find(({ kind }) => kind === 'DaemonSet') as DaemonSet
  assert.ok(daemon.spec?.template.spec?.containers[0]?.resources?.limits?.['ephemeral-storage'])
})
