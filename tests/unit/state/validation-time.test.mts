import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { nameOf, type Manifest } from '../../../lib/kube/types.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import {
  forgetValidation,
  recordValidation,
  validationLease,
  watchesValidations,
} from '../../../lib/state/validation-time.mts'
import { ownRules } from '../../../scripts/09_k3s/monitoring/rules.mts'
import { fakeApi } from '../kube/fake-api.mts'
import { revisionOf } from './revisions.mts'

const rules = ownRules()
const watching = revisionOf({ module: '09_k3s', env: 'prod', manifests: [rules] })
const current = revisionOf({ module: '12_n8n', env: 'Staging_2' })

/** What a run sends and deletes. @param guard of the gate */
function clusterOf(guard: () => Promise<void> = () => Promise.resolve()) {
  const sent: Manifest[] = []
  const deleted: string[] = []
  const api = fakeApi(() => [], {
    apply: (manifest) => {
      sent.push(manifest)
      return Promise.resolve(manifest as never)
    },
    remove: (object) => {
      deleted.push(nameOf(object as Manifest))
      return Promise.resolve(true)
    },
  })
  const repairs = createWrites({ planning: false, guard })
  const of = (known: readonly Revision[], now: Revision | undefined = current) => ({
    kubectl: { api } as Kubectl,
    repairs,
    known,
    current: now,
  })
  return { of, sent, deleted, repairs }
}

test('when a module passed is a Lease of its own, in the form of a MicroTime, and never the lock', async () => {
  const { of, sent, repairs } = clusterOf()
  await recordValidation(of([watching]))
  const [lease] = sent as [Manifest & { spec: { renewTime: string } }]
  assert.deepEqual(lease.metadata, { namespace: 'keybuzz-system', name: 'validated-12-n8n-staging-2' })
  assert.match(lease.spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.ok(new RegExp(validationLease('.*')).test(lease.metadata?.name ?? ''))
  // Records are found by the label of the kit's objects.
  assert.ok(!('labels' in (lease.metadata ?? {})))
  assert.deepEqual(
    repairs.changes.map(({ sign, what }) => `${sign} ${what}`),
    ['~ Lease keybuzz-system/validated-12-n8n-staging-2'],
  )
})

test('a cluster that nothing watches gets no record, is asked for nothing, and nobody for permission', async () => {
  const { of, sent, deleted } = clusterOf(() => assert.fail('nothing is to be written'))
  const off = revisionOf({ module: '09_k3s', env: 'prod', number: 2 })
  const gone = revisionOf({ module: '09_k3s', env: 'prod', number: 2, state: 'uninstalled' })
  for (const known of [[], [off], [watching, off], [watching, gone]]) await recordValidation(of(known))
  await forgetValidation(of([off, revisionOf({ env: 'dev' })]))
  assert.deepEqual([...sent, ...deleted], [])
})

test('a run that installs what watches counts as watched, by its own revision alone', async () => {
  const { of, sent } = clusterOf()
  await recordValidation(of([revisionOf({ module: '09_k3s', env: 'prod' })], watching))
  assert.equal(sent.length, 1)
  // It is taken out by this run.
  await recordValidation(of([watching], revisionOf({ module: '09_k3s', env: 'prod', number: 2 })))
  assert.equal(sent.length, 1)
})

test('checks that passed on a pending revision have validated nothing', async () => {
  const { of, sent } = clusterOf()
  for (const state of ['pending', 'applied', 'uninstalled'] as const)
    await recordValidation(of([watching], revisionOf({ state })))
  assert.deepEqual(sent, [])
})

test('what cannot be recorded is a warning with its hint; a signal ends the run all the same', async (context) => {
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  const locked = new KitError('another run has the lock', {
    exitCode: exitCodes.locked,
    hint: 'wait for it',
  })
  const { of, sent } = clusterOf(() => Promise.reject(locked))
  await recordValidation(of([watching]))
  context.mock.restoreAll()
  assert.match(screen, /not recorded for the alerts: another run has the lock\n.*fix: wait for it/)
  assert.deepEqual(sent, [])
  await assert.rejects(recordValidation(clusterOf(() => Promise.reject(new Cancelled())).of([watching])), {
    exitCode: exitCodes.interrupted,
  })
  await assert.rejects(
    recordValidation(clusterOf(() => Promise.reject(new Error('bug'))).of([watching])),
    /bug/,
  )
})

test('an uninstall takes the record away, also where the monitoring is off by now', async () => {
  const { of, deleted } = clusterOf()
  const off = revisionOf({ module: '09_k3s', env: 'prod', number: 2 })
  await forgetValidation(of([watching, off]))
  assert.deepEqual(deleted, ['Lease keybuzz-system/validated-12-n8n-staging-2'])
})

test('the kit’s own rules say that they watch the records', () =>
  assert.equal(rules.metadata?.annotations?.[watchesValidations], 'true'))
