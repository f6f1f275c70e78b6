import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from '../../../lib/base/writes.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { othersRevision } from '../../../lib/verbs/other-operator.mts'
import { revisionOf } from '../state/revisions.mts'

const revision = (who: string, state: Revision['state'] = 'validated'): Revision =>
  revisionOf({ number: 4, env: 'staging', state, who, when: '2026-11-29T09:12:00Z' })
const timezone: Change = {
  sign: '~',
  what: 'Deployment n8n-staging/n8n',
  fields: [
    'spec.template.spec.containers[n8n].env[TZ].value   Europe/Paris -> UTC',
    'spec.template.metadata.annotations.keybuzz.io/checksum   a -> b',
    'spec.template.spec.containers[n8n].image   2.43.4 -> 2.43.5',
  ],
}
const mine = () => ({ values: { TIMEZONE: 'UTC', N8N_HOST: 'n8n.example.com' }, secrets: ['SMTP_PASSWORD'] })

test('a run that changes another admin host’s revision says whose it is, and what differs', () => {
  const found = othersRevision(revision('marie@admin-2'), [timezone], 'root@admin-1', mine)
  assert.match(found?.text ?? '', /^revision 4 was made by marie@admin-2 \(2026-11-29 09:12 UTC\)/)
  assert.deepEqual(found?.differing, [
    'Deployment n8n-staging/n8n: spec.template.spec.containers[n8n].env[TZ].value   Europe/Paris -> UTC',
  ])
})

test('one’s own revision, a new version, new objects and an uninstalled module are nothing to tell', () => {
  const me = 'root@admin-1'
  const upgrade: Change = { ...timezone, fields: timezone.fields?.slice(1) ?? [] }
  assert.equal(othersRevision(revision(me), [timezone], me, mine), undefined)
  assert.equal(othersRevision(undefined, [timezone], me, mine), undefined)
  assert.equal(othersRevision(revision('marie@admin-2'), [upgrade], me, mine), undefined)
  assert.equal(
    othersRevision(revision('marie@admin-2'), [{ sign: '+', what: 'Secret a/b' }], me, mine),
    undefined,
  )
  assert.equal(othersRevision(revision('marie@admin-2', 'uninstalled'), [timezone], me, mine), undefined)
})

test('of many fields the first are shown, and how many there are', () => {
  const fields = Array.from({ length: 12 }, (_, at) => `data.KEY_${at}   a -> b`)
  const found = othersRevision(
    revision('marie@admin-2'),
    [{ sign: '~', what: 'ConfigMap a/b', fields }],
    'me@here',
    mine,
  )
  assert.equal(found?.differing.length, 9)
  assert.equal(found?.differing.at(-1), 'and 4 more')
})

test('the settings that differ are named first, those that are not secret with both values', () => {
  const madeWith = {
    values: { TIMEZONE: 'Europe/Paris', N8N_HOST: 'n8n.example.com', SMTP_HOST: 'mail.example.com' },
    secrets: ['REGISTRY_PASSWORD'],
  }
  const found = othersRevision({ ...revision('marie@admin-2'), madeWith }, [timezone], 'root@admin-1', mine)
  assert.deepEqual(found?.differing.slice(0, -1), [
    "SMTP_HOST   'mail.example.com' -> not set",
    "TIMEZONE   'Europe/Paris' -> 'UTC'",
    'REGISTRY_PASSWORD, a secret   set -> not set',
    'SMTP_PASSWORD, a secret   not set -> set',
  ])
  assert.match(found?.differing.at(-1) ?? '', /^Deployment n8n-staging\/n8n: /)
})
