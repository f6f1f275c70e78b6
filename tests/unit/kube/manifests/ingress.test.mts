import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { passedOver } from '../../../../lib/checks/checks.mts'
import { published, tlsOf, type Tls } from '../../../../lib/kube/manifests/ingress.mts'
import type { Ingress, Secret } from '../../../../lib/kube/types.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { certificateProblem, endNear, keyProblem } from '../../../../lib/base/certificate.mts'

// Real certificates, made by openssl for these tests alone.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-tls-'))
after(() => rmSync(folder, { recursive: true }))

function makeCertificate(...hosts: string[]): { crt: string; key: string } {
  const [crt, key] = [join(folder, 'crt'), join(folder, 'key')]
  const names = hosts.map((host) => `DNS:${host}`).join(',')
  const curve = 'ec_paramgen_curve:prime256v1'
  const words = `req -x509 -newkey ec -pkeyopt ${curve} -noenc -days 30 -subj /CN=tests -keyout ${key} -out ${crt}`
  execFileSync('openssl', [...words.split(' '), '-addext', `subjectAltName=${names}`], { stdio: 'ignore' })
  return { crt: readFileSync(crt, 'utf8'), key: readFileSync(key, 'utf8') }
}

const one = makeCertificate('n8n.example.com')
const wild = makeCertificate('*.example.com')

test('a certificate must be one, of that public name, and good today', () => {
  assert.equal(certificateProblem(one.crt, 'n8n.example.com'), undefined)
  assert.equal(certificateProblem(wild.crt, 'n8n.example.com'), undefined)
  assert.equal(certificateProblem(one.crt, undefined), undefined)
  assert.match(
    certificateProblem(one.crt, 'api.example.com') ?? '',
    /is for DNS:n8n.example.com, not for api/,
  )
  assert.match(certificateProblem(wild.crt, 'a.b.example.com') ?? '', /not for a\.b/)
  assert.match(certificateProblem(one.key, 'n8n.example.com') ?? '', /must be a certificate in PEM form/)
  const day = (days: number) => new Date(Date.now() + days * 86_400_000)
  assert.match(certificateProblem(one.crt, undefined, day(31)) ?? '', /^ended on 2/)
  assert.match(certificateProblem(one.crt, undefined, day(-1)) ?? '', /^is good only from 2/)
})

/** A certificate as `openssl req -x509` makes it with these words. */
function certificateOf(...words: string[]): string {
  const files = ['-keyout', join(folder, 'shape.key'), '-out', join(folder, 'shape.crt')]
  const own = ['req', '-x509', '-noenc', '-days', '30', '-subj', '/CN=n8n.example.com']
  execFileSync('openssl', [...own, ...words, ...files], { stdio: 'ignore' })
  return readFileSync(join(folder, 'shape.crt'), 'utf8')
}

test('a certificate no browser accepts is refused with its reason, whatever its name is', () => {
  const named = ['-addext', 'subjectAltName=DNS:n8n.example.com']
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const usage = (what: string) => [...p256, ...named, '-addext', `extendedKeyUsage=${what}`]
  for (const [words, reason] of [
    [p256, /has no subjectAltName/],
    [usage('clientAuth'), /lacks serverAuth/],
    [['-newkey', 'rsa:1024', ...named], /RSA key of 1024 bits/],
    [['-newkey', 'ed25519', ...named], /a key \(ed25519\) that browsers do not accept/],
    [['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1', ...named], /secp256k1/],
    [[...p256, ...named, '-sha1'], /signed with SHA-1/],
  ] as const)
    assert.match(certificateProblem(certificateOf(...words), 'n8n.example.com') ?? '', reason)
  for (const words of [
    usage('serverAuth,clientAuth'),
    ['-newkey', 'rsa:2048', ...named],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', ...named],
  ])
    assert.equal(certificateProblem(certificateOf(...words), 'n8n.example.com'), undefined, words.join(' '))
})

test('a key must be one, without a passphrase, and of the certificate beside it', () => {
  assert.equal(keyProblem(one.key, one.crt), undefined)
  assert.equal(keyProblem(one.key, undefined), undefined)
  assert.match(keyProblem(wild.key, one.crt) ?? '', /is not the key of the certificate/)
  assert.match(keyProblem(one.crt, one.crt) ?? '', /must be a private key/)
  const locked = execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:tests'], { input: one.key })
  assert.match(keyProblem(locked.toString(), one.crt) ?? '', /without a passphrase/)
})

test('no word about a key or certificate holds any of it', () => {
  for (const text of [certificateProblem(one.key, 'x'), keyProblem(`${one.key.slice(0, 60)}x`, undefined)])
    assert.doesNotMatch(text ?? '', /MIG|MHc/)
})

test('the end of a certificate is told from three weeks on, by every answer that came by it', () => {
  const now = new Date('2026-11-01T12:00:00Z')
  assert.equal(endNear(new Date('2026-11-22T12:00:01Z'), now), undefined)
  assert.equal(
    endNear(new Date('2026-11-21T12:00:00Z'), now),
    'the certificate ends in 20 days (2026-11-21): renew it',
  )
  assert.equal(endNear(new Date('2026-10-31T00:00:00Z'), now), 'the certificate ended on 2026-10-31')
  const [soon, late] = [5, 50].map((days) => ({ certificateEnd: new Date(Date.now() + days * 86_400_000) }))
  assert.equal(passedOver('200').result, 'passed')
  assert.equal(passedOver('200', {}, late ?? {}).result, 'passed')
  assert.equal(passedOver('200', late ?? {}, soon ?? {}).result, 'warning')
})

const objects = (tls: Tls | undefined) =>
  published({
    namespace: 'n8n',
    name: 'n8n',
    host: 'n8n.example.com',
    ingressClass: 'nginx',
    paths: [['/', 'n8n', 80]],
    annotations: {},
    tls,
  })

test('behind a load balancer that ends TLS an Ingress has none', () => {
  const [ingress, ...others] = objects(tlsOf({ ENV: 'dev', TLS_MODE: 'load-balancer' })) as Ingress[]
  assert.equal(others.length, 0)
  assert.equal(ingress?.spec?.tls, undefined)
})

test('by an issuer it names the Secret cert-manager makes; by files the one that holds them', () => {
  const [signed] = objects(tlsOf({ ENV: 'dev', TLS_MODE: 'issuer', TLS_ISSUER: 'letsencrypt' })) as Ingress[]
  assert.equal(signed?.metadata?.annotations?.['cert-manager.io/cluster-issuer'], 'letsencrypt')
  assert.deepEqual(signed?.spec?.tls, [{ hosts: ['n8n.example.com'], secretName: 'n8n-tls' }])
  const files = { API_TLS_CRT: sensitive(one.crt), API_TLS_KEY: sensitive(one.key) }
  const [secret, ingress] = objects(tlsOf({ ENV: 'dev', TLS_MODE: 'files', ...files }, 'API_'))
  assert.deepEqual((ingress as Ingress).spec?.tls, [
    { hosts: ['n8n.example.com'], secretName: 'n8n-certificate' },
  ])
  const { metadata, type, data = {} } = secret as Secret
  assert.equal(metadata?.name, 'n8n-certificate')
  assert.equal(type, 'kubernetes.io/tls')
  assert.deepEqual(Object.keys(data), ['tls.crt', 'tls.key', 'API_TLS_CRT', 'API_TLS_KEY'])
  assert.equal(Buffer.from(data['tls.key'] ?? '', 'base64').toString(), one.key)
})
