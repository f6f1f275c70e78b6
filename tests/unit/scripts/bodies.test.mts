import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepsBodies } from '../../../lib/kube/manifests/ingress.mts'
import { applications, rendered, settingsOf } from './rendered.mts'

test('a report says that nothing limits the size of a request, where an Ingress passes it on as it comes', () => {
  for (const [word, module] of Object.entries(applications)) {
    const ingresses = (rendered[word]?.({}) ?? []).filter(({ kind }) => kind === 'Ingress')
    assert.ok(ingresses.length > 0, word)
    const lines = module.notProven?.(settingsOf(module, {})) ?? []
    const says = lines.some((line) => /^The size of a request: .*limits nothing/.test(line))
    assert.equal(says, !ingresses.every(keepsBodies), word)
  }
})
