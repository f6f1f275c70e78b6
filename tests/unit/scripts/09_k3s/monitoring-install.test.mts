import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { root } from '../../../../lib/base/files.mts'
import type { Change } from '../../../../lib/base/writes.mts'
import type { Kube } from '../../../../lib/kube/apply/kube.mts'
import { nameOf, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import prepare from '../../../../scripts/09_k3s/09_k3s_01_prepare.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { installMonitoring } from '../../../../scripts/09_k3s/monitoring/apply.mts'
import { monitoringImages } from '../../../../scripts/09_k3s/monitoring/names.mts'
import { monitoringObjects } from '../../../../scripts/09_k3s/monitoring/objects.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { settingsOf } from '../rendered.mts'

// The step from its settings to what it applies, with a stand-in of helm, of the chart and of the cluster.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-monitoring-'))
const [archive, helm] = [join(folder, 'chart.tgz'), join(folder, 'helm')]
const definition = readFileSync(join(root, 'tests/fixtures/chart/crds/shelves.yaml'), 'utf8')
const render = `apiVersion: apps/v1
kind: Deployment
metadata: {name: monitoring-operator}
spec: {template: {spec: {containers: []}}}
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: monitoring-prometheus}
spec: {version: v3.14.0}
`
before(() => {
  writeFileSync(archive, 'a chart')
  const script = `#!/bin/bash\nif [[ $1 == show ]]; then cat <<'END'\n${definition}END\nelse cat >/dev/null; cat <<'END'\n${render}END\nfi\n`
  writeFileSync(helm, script, { mode: 0o755 })
  process.env['KEYBUZZ_HELM'] = helm
})
after(() => {
  rmSync(folder, { recursive: true })
  delete process.env['KEYBUZZ_HELM']
})

const image = 'ghcr.io/a/chart:88.5.3'
const versions = {
  'kube-prometheus-stack': {
    version: '88.5.3',
    image,
    chart: archive,
    sha256: createHash('sha256').update('a chart').digest('hex'),
  },
}
const settings = (more: Record<string, string> = {}): K3sSettings =>
  settingsOf(k3s, { MONITORING: 'true', GRAFANA_PASSWORD: 'a-grafana-password', ...more }) as K3sSettings
const server = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'master-01', labels: { 'node-role.kubernetes.io/control-plane': 'true' } },
  status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
} as LiveObject

interface World {
  settings?: Record<string, string>
  /** What ensureDefinitions answers. */
  known?: boolean
  version?: string
  installed?: string
  kubelets?: LiveObject
}

async function install(world: World) {
  const done: string[] = []
  const applied: Manifest[] = []
  const noted: Change[] = []
  const kube = {
    list: () => Promise.resolve([server]),
    get: (kind: string) => Promise.resolve(kind === 'services' ? world.kubelets : undefined),
    raw: () => Promise.resolve(world.version ?? '{"gitVersion": "v1.36.3+k3s1"}'),
    ensureDefinitions: (all: readonly { name: string }[]) => {
      done.push(`definitions ${all.length}`)
      return Promise.resolve(world.known ?? true)
    },
    apply: (manifests: readonly Manifest[]) => {
      done.push('apply')
      applied.push(...manifests)
      return Promise.resolve()
    },
    waitForRollout: (_namespace: string, ...names: string[]) => {
      done.push(`wait for ${names.join(' ')}`)
      return Promise.resolve()
    },
  } as unknown as Kube
  const chosen = settings(world.settings)
  await installMonitoring({
    settings: chosen,
    images: Object.fromEntries(
      monitoringImages.map((name) => [
        name,
        world.installed ?? (name === 'kube-prometheus-stack' ? image : `${name}:1`),
      ]),
    ) as never,
    versions,
    kube,
    writes: { planning: world.known === false, note: (change) => void noted.push(change) },
    until: ({ what }) => Promise.resolve(void done.push(`until ${what}`)),
  })
  return { done, applied, noted, chosen }
}

test('definitions go first, then everything in one comparison; each wait is for what was applied', async () => {
  const { done, applied, chosen } = await install({})
  assert.deepEqual(done, [
    'definitions 1',
    'apply',
    'wait for monitoring-operator kube-state-metrics grafana',
    'until node-exporter on every node',
    'until Prometheus and Alertmanager',
    'until the newest configuration of Prometheus and Alertmanager',
  ])
  const names = applied.map(nameOf)
  // What the module declares, so that a plan without a cluster shows it, is applied by the step.
  for (const one of monitoringObjects(chosen).map(nameOf)) assert.ok(names.includes(one), one)
  for (const one of [
    'Deployment monitoring/monitoring-operator',
    'Prometheus monitoring/monitoring-prometheus',
    'EndpointSlice kube-system/monitoring-kube-etcd',
    'PrometheusRule monitoring/keybuzz',
  ])
    assert.ok(names.includes(one), one)
  assert.ok(!names.some((one) => one.startsWith('CustomResourceDefinition')))
})

test('a plan before the kinds are there names their objects as new, and compares the others', async () => {
  const { applied, noted } = await install({ known: false })
  assert.ok(!applied.some(({ apiVersion }) => apiVersion?.startsWith('monitoring.coreos.com')))
  assert.deepEqual(
    noted.map(({ sign, what }) => `${sign} ${what}`),
    ['+ Prometheus monitoring/monitoring-prometheus', '+ PrometheusRule monitoring/keybuzz'],
  )
})

for (const [what, world, exitCode, message] of [
  [
    'an API server that tells no version',
    { version: '{}' },
    exitCodes.preflight,
    /does not tell its version/,
  ],
  [
    'another chart than the installed one',
    { installed: 'ghcr.io/a/chart:80.0.0' },
    exitCodes.conflict,
    /80\.0\.0 is installed/,
  ],
] as const) {
  test(`${what} is refused before anything is applied: exit ${exitCode}`, async () => {
    await assert.rejects(
      install(world),
      (thrown) => thrown instanceof KitError && thrown.exitCode === exitCode && message.test(thrown.message),
    )
  })
}

test('where monitoring is off nothing is asked for and nothing is applied', async () => {
  for (const kubelets of [undefined, server]) {
    const { done } = await install({ settings: { MONITORING: 'false' }, ...(kubelets && { kubelets }) })
    assert.deepEqual(done, [])
  }
})

test('the chart and helm are asked for in step 01, before a host is: exit 3', async () => {
  const none = () => assert.fail('no host is asked')
  const missing = { ...versions['kube-prometheus-stack'], chart: join(folder, 'none.tgz') }
  await assert.rejects(
    prepare.run({
      settings: settings(),
      versions: { 'kube-prometheus-stack': missing },
      hosts: none,
      cluster: { known: true },
    } as never),
    (thrown) =>
      thrown instanceof KitError && /the chart of the monitoring is not on this machine/.test(thrown.message),
  )
})
