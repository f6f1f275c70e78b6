import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mailbox } from '../../../lib/base/mailbox.mts'

test('a name with signs of an address stays one mailbox; a plain one is left as it is', () => {
  const at = 'ops@example.com'
  assert.equal(mailbox('KeyBuzz Support', at), `KeyBuzz Support <${at}>`)
  assert.equal(mailbox('Éditions Müller & Söhne', at), `Éditions Müller & Söhne <${at}>`)
  assert.equal(mailbox('Acme, Inc. (Support)', at), `"Acme, Inc. (Support)" <${at}>`)
  assert.equal(mailbox(String.raw`The "best" \o/`, at), String.raw`"The \"best\" \\o/" <${at}>`)
  assert.equal(mailbox('help@acme', at), `"help@acme" <${at}>`)
})
