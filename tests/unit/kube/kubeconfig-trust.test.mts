import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { parseKubeconfig } from '../../../lib/kube/kubeconfig.mts'
import { requireTrusted } from '../../../lib/kube/kubeconfig-trust.mts'

interface Way {
  readonly server: string
  readonly user?: string
  /** More fields of its cluster. */
  readonly cluster?: object
}

/** A kubeconfig of these contexts, the first of them current. */
const kubeconfigOf = (ways: readonly Way[], user: object = {}) =>
  parseKubeconfig(
    'kubeconfig',
    stringify({
      'current-context': 'way-0',
      clusters: ways.map(({ server, cluster }, at) => ({
        name: `way-${at}`,
        cluster: { server, ...cluster },
      })),
      contexts: ways.map(({ user: name = 'admin' }, at) => ({
        name: `way-${at}`,
        context: { cluster: `way-${at}`, user: name },
      })),
      users: [{ name: 'admin', user }],
    }),
  )

/** What is written to stderr while this runs. */
function saidBy(act: () => void): string {
  const said: string[] = []
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0
  try {
    act()
  } finally {
    process.stderr.write = write
  }
  return said.join('')
}

const server = 'https://192.0.2.1:6443'
const insecure = { 'insecure-skip-tls-verify': true }
const example = readFileSync(new URL('../../fixtures/kubeconfig.yaml', import.meta.url), 'utf8')
const [, certificate = ''] = /certificate-authority-data: (\S+)/.exec(example) ?? []
const shared = { 'certificate-authority-data': certificate }

for (const [what, ways, met] of [
  [
    'any certificate is taken',
    [{ server, cluster: insecure }],
    /insecure-skip-tls-verify .* 192\.0\.2\.1:6443/,
  ],
  ['YAML 1.1 calls true', [{ server, cluster: { 'insecure-skip-tls-verify': 'yes' } }], /192\.0\.2\.1/],
  [
    'http',
    [{ server: 'http://k8s.example.com:8080' }],
    /http:\/\/ to k8s\.example\.com:8080 is not encrypted/,
  ],
  ['a name that begins as an address of this machine', [{ server: 'http://127.0.0.1.example.com' }], /127/],
  [
    'another context of the same cluster and user',
    [
      { server, cluster: shared },
      { server: 'http://192.0.2.2:8080', cluster: shared },
    ],
    /192\.0\.2\.2/,
  ],
  [
    'a tunnel that a proxy elsewhere would open',
    [{ server: 'https://127.0.0.1:6443', cluster: { ...insecure, 'proxy-url': 'http://192.0.2.9:3128' } }],
    /127\.0\.0\.1/,
  ],
] as const satisfies readonly (readonly [string, readonly Way[], RegExp])[]) {
  test(`a kubeconfig that need not meet its own cluster is refused, exit 7: ${what}`, () => {
    assert.throws(
      () => requireTrusted('kubeconfig', kubeconfigOf(ways)),
      (thrown: unknown) => {
        assert.ok(thrown instanceof KitError)
        assert.equal(thrown.exitCode, exitCodes.trust)
        assert.match(thrown.message, met)
        assert.match(thrown.hint ?? '', /certificate-authority-data/)
        return true
      },
    )
  })
}

test('a tunnel of this machine, a certificate that is looked at, and a context of somebody else pass without a word', () => {
  const ways: readonly (readonly Way[])[] = [
    [{ server: 'https://127.0.0.1:6443', cluster: insecure }],
    [{ server: 'http://localhost:8001' }],
    [{ server: 'http://[::1]:8001' }],
    [{ server, cluster: { 'insecure-skip-tls-verify': false } }],
    [{ server, cluster: { 'insecure-skip-tls-verify': 'no' } }],
    [{ server }, { server: 'http://192.0.2.2:8080', user: 'somebody', cluster: insecure }],
  ]
  for (const one of ways)
    assert.equal(
      saidBy(() => requireTrusted('kubeconfig', kubeconfigOf(one))),
      '',
    )
})

test('the program that kubectl starts for the login is named, in visible characters', () => {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: './login\u001B[2K',
    args: ['--key=planted'],
  }
  const said = saidBy(() => requireTrusted('kubeconfig', kubeconfigOf([{ server }], { exec })))
  assert.match(said, /kubeconfig logs in by a program of this machine: \.\/login/)
  assert.ok(!said.includes('\u001B[2K'))
  assert.ok(!said.includes('planted'))
})
