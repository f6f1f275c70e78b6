import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manifestYaml } from '../../../../lib/kube/apply/plan-text.mts'

test('a manifest is plain YAML: what stands in it twice is written twice, without anchors', () => {
  const labels = { app: 'web' }
  const yaml = manifestYaml({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', labels },
    spec: { selector: labels },
  } as never)
  assert.doesNotMatch(yaml, /[&*]/)
  assert.equal(yaml.split('app: web').length - 1, 2)
})
