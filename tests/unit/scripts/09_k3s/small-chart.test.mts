import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { root } from '../../../../lib/base/files.mts'
import type { Kube } from '../../../../lib/kube/apply/kube.mts'
import { nameOf, type Manifest } from '../../../../lib/kube/types.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { installMonitoring } from '../../../../scripts/09_k3s/monitoring/apply.mts'
import { monitoringImages } from '../../../../scripts/09_k3s/monitoring/names.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { realHelm } from '../../kube/real-helm.mts'
import { settingsOf } from '../rendered.mts'

// Step 07 with helm itself where the real chart is not at hand: the small chart of tests/fixtures stands in for it.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-small-chart-'))
const { real, skip } = realHelm()
const given = process.env['KEYBUZZ_HELM']
before(() => void (process.env['KEYBUZZ_HELM'] = real))
after(() => {
  rmSync(folder, { recursive: true })
  if (given === undefined) delete process.env['KEYBUZZ_HELM']
  else process.env['KEYBUZZ_HELM'] = given
})

const image = 'ghcr.io/a/chart:1.0.0'

/** The small chart as an archive with these values of its own, as versions.json names it. */
function archived(name: string, values: Record<string, boolean>) {
  const [chart, archive] = [join(folder, name, 'small'), join(folder, `${name}.tgz`)]
  cpSync(join(root, 'tests/fixtures/chart'), chart, { recursive: true })
  const path = join(chart, 'values.yaml')
  const lines = Object.entries(values).map(([key, value]) => [
    new RegExp(`^${key}: .*$`, 'm'),
    `${key}: ${value}`,
  ])
  writeFileSync(
    path,
    lines.reduce(
      (text, [line, wanted]) => text.replace(line as RegExp, wanted as string),
      readFileSync(path, 'utf8'),
    ),
  )
  execFileSync('tar', ['-czf', archive, '-C', join(folder, name), 'small'])
  const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex')
  return { 'kube-prometheus-stack': { version: '1.0.0', image, chart: archive, sha256 } }
}

async function install(versions: ReturnType<typeof archived>) {
  const done: string[] = []
  const applied: Manifest[] = []
  const kube = {
    list: () => Promise.resolve([]),
    raw: () => Promise.resolve('{"gitVersion": "v1.36.3+k3s1"}'),
    ensureDefinitions: (all: readonly { name: string }[]) => {
      done.push(`definitions ${all.map(({ name }) => name).join(' ')}`)
      return Promise.resolve(true)
    },
    apply: (manifests: readonly Manifest[]) => {
      done.push('apply')
      applied.push(...manifests)
      return Promise.resolve()
    },
    waitForRollout: () => Promise.resolve(),
  } as unknown as Kube
  await installMonitoring({
    settings: settingsOf(k3s, { MONITORING: 'true', GRAFANA_PASSWORD: 'a-grafana-password' }) as K3sSettings,
    images: Object.fromEntries(
      monitoringImages.map((name) => [name, name === 'kube-prometheus-stack' ? image : `${name}:1`]),
    ) as never,
    versions,
    kube,
    writes: { planning: false, note: () => undefined },
    until: () => Promise.resolve(),
  })
  return { done, names: applied.map(nameOf), applied }
}

test(
  'the kinds of a chart go first, then its objects with those of the kit, wherever they are; the same each time',
  { skip },
  async () => {
    const versions = archived('whole', { hook: true })
    const { done, names, applied } = await install(versions)
    assert.deepEqual(done, ['definitions shelves.small.example.com', 'apply'])
    for (const one of [
      'StatefulSet monitoring/monitoring',
      'PersistentVolumeClaim monitoring/monitoring',
      'Shelf kube-system/monitoring',
      'ClusterRole monitoring',
      'Secret monitoring/grafana-admin',
    ])
      assert.ok(names.includes(one), `${one} is not among ${names.join(', ')}`)
    assert.ok(!names.some((one) => /test$|^CustomResourceDefinition/.test(one)))
    assert.deepEqual((await install(versions)).applied, applied)
  },
)

test(
  'a chart that draws a value at random is refused with its key, before a kind or an object of it is sent',
  { skip },
  async () => {
    const versions = archived('drawn', { drawn: true })
    await assert.rejects(
      install(versions),
      (thrown) =>
        thrown instanceof KitError &&
        thrown.exitCode === exitCodes.preflight &&
        /renders differently each time \(key admin-password of ConfigMap monitoring\/monitoring\)/.test(
          thrown.message,
        ) &&
        thrown.details.includes('Nothing was written.'),
    )
  },
)
