import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../lib/base/files.mts'
import { folderOf } from '../../../lib/base/names.mts'
import { nameOf, type PodSpec } from '../../../lib/kube/types.mts'
import { ownerOf } from '../../../lib/kube/apply/ownership.mts'
import { objectsOf } from '../../../lib/run/objects.mts'
import type { SettingsOf, Module } from '../../../lib/run/module.mts'
import type { Step } from '../../../lib/run/step.mts'
import { resolve, typed } from '../../../lib/settings/settings.mts'
import { readVersions } from '../../../lib/settings/versions.mts'
import { modules } from '../../../scripts/modules.mjs'

for (const row of modules) {
  const folder = folderOf(row)
  const path = join(root, 'scripts', folder, `${folder}_apply_all.mts`)
  const { default: steps } = (await import(path)) as { default: readonly [Step, ...Step[]] }
  const { module } = steps[0]
  const settingsWith = (options: Readonly<Record<string, string>>) =>
    typed(
      'staging',
      resolve([...module.shared, ...module.settings], {
        env: 'staging',
        overrides: options,
        saved: {},
        variables: {},
      }).map((one) =>
        one.text === undefined && one.setting.optional !== true
          ? { ...one, text: `<${one.setting.key}>` }
          : one,
      ),
    ) as SettingsOf<Module>
  const settings = settingsWith({})
  const images = Object.fromEntries(module.images.map((name) => [name, `registry.example.com/${name}:1`]))
  const { versions } = readVersions('staging')

  test(`${folder}: what it declares belongs to its own steps that apply, under the ids of their files`, () => {
    const declared = Object.keys(module.objects(settings, images, versions))
    const applying = steps.filter(({ kind }) => kind === 'apply').map(({ id }) => id)
    assert.deepEqual(
      declared.filter((id) => !applying.includes(id)),
      [],
    )
    assert.ok(declared.length > 0)
  })

  test(`${folder}: its objects carry their step, and no name stands twice`, () => {
    const objects = objectsOf(module, steps, {
      settings,
      images,
      versions,
    })
    const names = objects.filter(({ kind }) => kind !== 'Namespace').map(nameOf)
    assert.equal(new Set(names).size, names.length, names.join(', '))
    for (const one of objects.filter(({ kind }) => kind !== 'Namespace'))
      assert.equal(ownerOf(one).module, folder, nameOf(one))
  })

  if (module.scope === 'environment')
    test(`${folder}: with a private registry, every pod names the pull Secret of its own namespace`, () => {
      const options = { REGISTRY_SERVER: 'registry.example.com', API_MIGRATE: 'migrate' }
      const objects = objectsOf(module, steps, { settings: settingsWith(options), images, versions })
      const pods = objects.flatMap((one) => {
        const { template } = (one as { spec?: { template?: { spec: PodSpec } } }).spec ?? {}
        return template === undefined ? [] : [{ name: nameOf(one), spec: template.spec }]
      })
      assert.ok(pods.length > 1)
      for (const { name, spec } of pods) assert.deepEqual(spec.imagePullSecrets, [{ name: 'registry' }], name)
      assert.ok(objects.some((one) => one.kind === 'Secret' && one.metadata?.name === 'registry'))
    })

  test(`${folder}: its first step asks for settings, its last one tests, and those between apply`, () => {
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ['credentials', ...steps.slice(1, -1).map(() => 'apply'), 'tests'],
    )
  })
}
