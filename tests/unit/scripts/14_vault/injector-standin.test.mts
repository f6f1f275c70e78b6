import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pod } from '../../../../lib/kube/types.mts'
import { annotated, injectedPods } from './injected-pods.mts'
import { environment } from './injector.mts'
import { opened, recorded, settingsOf } from './opened-patch.mts'
import { loadStandIn } from './standin-parts.mts'

// The practice platform's stand-in of the injector: what it makes of a pod, and what it refuses that the real one would take.
// injector-real.test.mts compares it with the real one.

const parts = await loadStandIn()
const check = (method = 'kubernetes') => injectedPods(method).get('14_vault check') as Pod

/** What it makes of a pod, as its answer to a review. */
function patched(pod: Pod, method = 'kubernetes'): Record<string, unknown> {
  const { agents } = parts.readEnvironment(environment(settingsOf(method)))
  const patch = JSON.stringify(parts.patchFor(pod, 'vault-check', agents))
  return opened({
    uid: 'u-1',
    allowed: true,
    patch: Buffer.from(patch).toString('base64'),
    patchType: 'JSONPatch',
  })
}

test('the pod of the checks gets what the real one gave it, by either method', () => {
  for (const method of ['kubernetes', 'jwt'])
    assert.deepEqual(patched(check(method), method), recorded()[method])
})

test('every pod of the kit that asks is taken, by either method: a new annotation needs a word of the stand-in', () => {
  for (const method of ['kubernetes', 'jwt']) {
    const pods = injectedPods(method)
    assert.ok(pods.size > 20)
    for (const pod of pods.values()) assert.ok(patched(pod, method)['operations'])
  }
})

test('an annotation that the kit does not give is refused by its name, and so is one that is missing', () => {
  const unknown = ['tls-skip-verify', 'agent-inject-command-check', 'auth-config-issuer', 'agent-limits-cpu']
  for (const name of unknown)
    assert.throws(() => patched(annotated(check(), { [name]: 'x' })), {
      message: `STAND-IN of vault-k8s: it knows no annotation vault.hashicorp.com/${name}: the kit gives none`,
    })
  const missing = {
    'agent-inject-perms-check': annotated(check(), { 'agent-inject-perms-check': undefined }),
    'agent-inject-secret-other': annotated(check(), { 'agent-inject-template-other': 'x' }),
    'agent-run-as-user': annotated(check(), { 'agent-run-as-user': undefined }),
  }
  for (const [name, pod] of Object.entries(missing))
    assert.throws(() => patched(pod), {
      message: `STAND-IN of vault-k8s: it needs the annotation vault.hashicorp.com/${name}`,
    })
})

test('a token that a container of the pod mounts itself is refused: the kit’s pods never do', () => {
  const pod = check()
  Object.assign(pod.spec?.containers[0] ?? {}, { volumeMounts: [{ name: 'vault-token', mountPath: '/t' }] })
  assert.throws(() => patched(pod), /^Error: STAND-IN of vault-k8s: .* mounts the volume vault-token$/)
})

test('a variable that the kit does not give, and one that is missing, are named', () => {
  const read = (more: Record<string, string | undefined>) => () =>
    parts.readEnvironment({ ...environment(settingsOf('kubernetes')), ...more })
  assert.doesNotThrow(read({}))
  assert.throws(read({ AGENT_INJECT_TELEMETRY_PATH: '/m' }), /knows no variable AGENT_INJECT_TELEMETRY_PATH$/)
  assert.throws(read({ AGENT_INJECT_TLS_AUTO: undefined }), /^Error: AGENT_INJECT_TLS_AUTO: not set$/)
  assert.throws(read({ POD_NAME: '' }), /^Error: POD_NAME: not set$/)
  assert.throws(read({ AGENT_INJECT_USE_LEADER_ELECTOR: 'false' }), /USE_LEADER_ELECTOR/)
  assert.throws(read({ AGENT_INJECT_LISTEN: '8080' }), /LISTEN is 8080/)
})

test('a certificate is for its hosts, a day long, and due in its last tenth; another program proves it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-authority-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const authority = parts.makeAuthority()
  const { cert } = authority.certify(['vault-injector', 'vault-injector.vault-injector.svc'])
  writeFileSync(join(folder, 'ca.pem'), authority.pem)
  writeFileSync(join(folder, 'cert.pem'), cert)
  const words = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'cert.pem']
  const verify = (host: string) =>
    execFileSync('openssl', [...words.slice(0, 1), '-verify_hostname', host, ...words.slice(1)], {
      cwd: folder,
      stdio: 'pipe',
    })
  verify('vault-injector.vault-injector.svc')
  assert.throws(() => verify('other.svc'))
  const end = new Date(new X509Certificate(cert).validTo).getTime()
  const hour = 3_600_000
  assert.ok(Math.abs(end - Date.now() - 24 * hour) < 5000)
  assert.equal(parts.isDue(cert, end - 2.5 * hour), false)
  assert.equal(parts.isDue(cert, end - 2.3 * hour), true)
})
