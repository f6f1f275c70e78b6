import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awaitCertificates } from '../../../../lib/kube/rollout/certificates.mts'
import { UnknownKind } from '../../../../lib/kube/discovery.mts'
import { exitCodes, KitError, type ExitCode } from '../../../../lib/base/errors.mts'
import { issuerAnnotation } from '../../../../lib/kube/manifests/ingress.mts'
import { requireIssuers } from '../../../../lib/kube/apply/ingress-preconditions.mts'
import type { LiveObject, Manifest } from '../../../../lib/kube/types.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import type { KubeSession } from '../../../../lib/kube/apply/kube.mts'
import type { Condition } from '../../../../lib/base/poll.mts'

// The cluster here is a stand-in that holds what cert-manager writes into its objects.

const host = 'n8n.example.com'
const published = (issuer?: string): Manifest =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      namespace: 'n8n',
      name: 'n8n',
      annotations: issuer === undefined ? {} : { [issuerAnnotation]: issuer },
    },
    spec: { tls: [{ hosts: [host], secretName: 'n8n-tls' }] },
  }) as Manifest

const object = (kind: string, name: string, more: object): LiveObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...more,
})
const ready = (status: string, more = {}) => ({
  status: { conditions: [{ type: 'Ready', status, ...more }] },
})

function session(own: Manifest[], issuers: LiveObject[] | KitError) {
  const asked: string[] = []
  const kube = {
    list: (kind: string) => {
      asked.push(kind)
      return issuers instanceof KitError ? Promise.reject(issuers) : Promise.resolve(issuers)
    },
  }
  const made = { objects: () => Promise.resolve(own), reader: kube } as unknown as KubeSession
  return { session: made, asked }
}

const fails = (exitCode: ExitCode, what: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.match([thrown.message, ...thrown.details, thrown.hint].join('\n'), what)
  assert.equal(thrown.exitCode, exitCode)
  return true
}

test('an issuer that comes in is looked at before any write; one that serves already is not asked for', async () => {
  const good = session([], [object('ClusterIssuer', 'letsencrypt', ready('True'))])
  await requireIssuers(good.session, [published('letsencrypt')])
  assert.equal(good.asked.length, 1)
  const known = session([published('letsencrypt')], [])
  await requireIssuers(known.session, [published('letsencrypt'), published()])
  assert.equal(known.asked.length, 0)
})

test('without cert-manager, without the issuer, with one that cannot sign: exit 3, each in its own words', async () => {
  const missing = new UnknownKind('clusterissuers.cert-manager.io')
  const wanted = [published('letsencrypt')]
  await assert.rejects(
    requireIssuers(session([], missing).session, wanted),
    fails(exitCodes.preflight, /cert-manager is not on this cluster/),
  )
  await assert.rejects(
    requireIssuers(session([], []).session, wanted),
    fails(exitCodes.preflight, /no ClusterIssuer letsencrypt\nThere is none at all/),
  )
  await assert.rejects(
    requireIssuers(session([], [object('ClusterIssuer', 'letsencrypt-prod', ready('True'))]).session, wanted),
    fails(exitCodes.preflight, /There are: letsencrypt-prod[^]*letsencrypt-prod\?/),
  )
  const unable = object('ClusterIssuer', 'letsencrypt', ready('False', { message: 'account not registered' }))
  await assert.rejects(
    requireIssuers(session([], [unable]).session, wanted),
    fails(exitCodes.preflight, /is not Ready: account not registered/),
  )
})

test('a cluster that does not answer is not taken for one without cert-manager', async () => {
  const away = new KitError('the API server cannot be reached', { exitCode: exitCodes.unreachable })
  await assert.rejects(
    requireIssuers(session([], away).session, [published('letsencrypt')]),
    fails(exitCodes.unreachable, /cannot be reached/),
  )
})

/** What is lacking, for a certificate and those who work on it; undefined when nothing was waited for. */
async function lacking(certificate: LiveObject | undefined, others: LiveObject[], wanted = published('le')) {
  const kube = {
    get: (_kind: string, name: string, namespace: string) =>
      Promise.resolve(name === 'n8n-tls' && namespace === 'n8n' ? certificate : undefined),
    list: () => Promise.resolve(others),
  } as unknown as KubeReader
  let seen: Condition | undefined
  const until = (awaited: Condition) => Promise.resolve(void (seen = awaited))
  await awaitCertificates([wanted], { kube, until })
  const missing = await seen?.missing()
  return missing === undefined ? undefined : { missing, final: seen?.isFatal?.(missing) ?? false }
}

const unready = object('Certificate', 'n8n-tls', ready('False'))
const dated = (live: LiveObject, creationTimestamp: string): LiveObject => ({
  ...live,
  metadata: { ...live.metadata, creationTimestamp },
})
const challenge = (status: object) => object('Challenge', 'c', { spec: { dnsName: host }, status })
const order = (status: object) => object('Order', 'o', { spec: { dnsNames: [host] }, status })

test('an Ingress without an issuer waits for no certificate', async () => {
  assert.equal(await lacking(undefined, [], published()), undefined)
})

test('a certificate is waited for, with the words of whoever works on it', async () => {
  assert.deepEqual(await lacking(object('Certificate', 'n8n-tls', ready('True')), []), {
    missing: '',
    final: false,
  })
  assert.match((await lacking(undefined, []))?.missing ?? '', /not taken it up/)
  assert.match((await lacking(unready, []))?.missing ?? '', /has asked for it/)
  const waiting = challenge({ state: 'pending', reason: 'Waiting for HTTP-01 challenge propagation' })
  assert.deepEqual(await lacking(unready, [order({ state: 'pending' }), waiting]), {
    missing: 'Waiting for HTTP-01 challenge propagation',
    final: false,
  })
  const other = object('Challenge', 'x', { spec: { dnsName: 'x.example.com' }, status: { state: 'invalid' } })
  assert.match((await lacking(unready, [other]))?.missing ?? '', /has asked for it/)
})

test('what cert-manager will not try again for an hour ends the wait at once', async () => {
  const refused = await lacking(unready, [order({ state: 'invalid', reason: 'no such name' })])
  assert.deepEqual(refused, { missing: 'refused: no such name', final: true })
  const failed = object('CertificateRequest', 'r', ready('False', { reason: 'Failed', message: 'no key' }))
  const ours: LiveObject = {
    ...failed,
    metadata: { name: 'r', annotations: { 'cert-manager.io/certificate-name': 'n8n-tls' } },
    spec: {},
  }
  assert.deepEqual(await lacking(unready, [ours]), { missing: 'refused: no key', final: true })
})

test('after a refusal the hint deletes the Certificate with what worked on it: cert-manager itself waits an hour', async () => {
  let hint = ''
  const until = (awaited: Condition) => Promise.resolve(void (hint = awaited.hint))
  await awaitCertificates([published('le')], { kube: {} as KubeReader, until })
  assert.match(
    hint,
    /kubectl --namespace n8n delete certificate n8n-tls --cascade=foreground; then run the same/,
  )
})

test('an earlier try that was refused is not taken for the one under way, in whatever order they come', async () => {
  const old = dated(order({ state: 'invalid', reason: 'no such name' }), '2026-11-01T00:00:00Z')
  const now = dated(order({ state: 'pending', reason: 'waiting' }), '2026-11-02T00:00:00Z')
  for (const found of [
    [old, now],
    [now, old],
  ])
    assert.deepEqual(await lacking(unready, found), { missing: 'waiting', final: false })
})
