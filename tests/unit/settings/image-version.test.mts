import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasDigestAlone, isOlder, withVersion } from '../../../lib/settings/image-version.mts'

const digest = `@sha256:${'6'.repeat(64)}`

test('versions are compared by number, and not at all when they have none', () => {
  assert.equal(isOlder('a/n8n:2.9.0', 'a/n8n:2.10.0'), true)
  assert.equal(isOlder('a/n8n:2.10.0', 'a/n8n:2.9.0'), false)
  assert.equal(isOlder('a/n8n:v1.2.3', 'a/n8n:1.2.3'), false)
  assert.equal(isOlder(`a/n8n${digest}`, 'a/n8n:1.2.3'), false)
})

test('an image with tag and digest is compared by its tag; one with its digest alone by the version beside it', () => {
  const [older, newer] = [`a:5000/n8n:2.9.0${digest}`, `a:5000/n8n:2.10.0${digest}`]
  assert.deepEqual([isOlder(older, newer), isOlder(newer, older)], [true, false])
  const alone = `a:5000/n8n${digest}`
  assert.deepEqual([older, alone, 'a:5000/n8n:2.9.0', 'a:5000/n8n'].map(hasDigestAlone), [
    false,
    true,
    false,
    false,
  ])
  assert.equal(withVersion(alone, '2.9.0'), 'a:5000/n8n:2.9.0')
  assert.equal(withVersion(alone, undefined), alone)
  assert.equal(withVersion(newer, '1.0.0'), newer)
  assert.equal(isOlder(withVersion(alone, '2.9.0'), newer), true)
})
