import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { redact, sensitive } from '../../../lib/base/sensitive.mts'
import { createKubectl } from '../../../lib/kube/kubectl.mts'
import { createKubeReader } from '../../../lib/kube/reader.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { fakeApi } from './fake-api.mts'

// kubectl here is a stand-in that answers once, then finds nobody once, then answers again; it counts its calls.

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keybuzz-kubectl-'))
  writeFileSync(join(folder, 'calls'), '')
})
afterEach(() => rmSync(folder, { recursive: true }))

const calls = (): number => readFileSync(join(folder, 'calls'), 'utf8').length

function kubectl() {
  const script = `printf . >>"$0"
[ "$(wc -c <"$0")" != 2 ] || { echo 'error: http2: client connection lost' >&2; exit 1; }
echo "$*"`
  let server = 1
  return createKubectl(['sh', '-c', script, join(folder, 'calls')], 'kubeconfig', {
    context: 'kb-1',
    another: () => Promise.resolve(`kb-${(server += 1)}`),
  })
}

test('a question whose answer is lost is asked again, of another server', async () => {
  const asking = kubectl()
  assert.match(await asking.run(['get', 'pods']), /--context kb-1 /)
  assert.match(await asking.run(['get', 'pods']), /--context kb-2 /)
  assert.equal(calls(), 3)
})

test('a host that is about to be away is left before it is, and used again afterwards', async () => {
  const avoided: (readonly string[])[] = []
  const asking = createKubectl(['sh', '-c', 'echo "$*"', 'sh'], 'kubeconfig', {
    context: 'kb-1',
    another: () => Promise.reject(new Error('nothing failed')),
    avoid: (hosts) => Promise.resolve(avoided.push(hosts) === 1 ? 'kb-2' : 'kb-1'),
  })
  assert.match(await asking.run(['get', 'pods']), /--context kb-1 /)
  await asking.avoid(['192.0.2.11', '198.51.100.1'])
  assert.match(await asking.run(['get', 'pods'], { once: true }), /--context kb-2 /)
  await asking.avoid([])
  assert.match(await asking.run(['get', 'pods']), /--context kb-1 /)
  assert.deepEqual(avoided, [['192.0.2.11', '198.51.100.1'], []])
})

test('what must not be done twice is not asked again when its answer is lost', async () => {
  const asking = kubectl()
  await asking.run(['get', 'pods'])
  await assert.rejects(
    asking.run(['exec', 'n8n', '--', 'true'], { once: true }),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable,
  )
  assert.equal(calls(), 2)
})

test('a program in a pod is started again after a lost link only when it may run twice', async () => {
  const pod = { metadata: { name: 'n8n', namespace: 'n8n-dev' } } as LiveObject
  const asking = kubectl()
  const reader = createKubeReader(asking)
  await asking.run(['get', 'pods'])
  await assert.rejects(reader.runIn(pod, ['true'], { isRepeatable: false }), {
    exitCode: exitCodes.unreachable,
  })
  assert.equal(calls(), 2)
  writeFileSync(join(folder, 'calls'), '.')
  assert.match(
    await reader.runIn(pod, ['true'], { isRepeatable: true }),
    /exec --namespace n8n-dev n8n -- true/,
  )
  assert.equal(calls(), 3)
  assert.match(
    await reader.runIn(pod, ['true'], { isRepeatable: true, container: 'vault-agent' }),
    /exec --namespace n8n-dev n8n --container vault-agent -- true/,
  )
})

test('what a program in a pod writes is not taken for a warning of the API server', async (context) => {
  sensitive('planted-warning-1')
  const program = String.raw`printf 'Warning: would violate PodSecurity: planted-warning-1 \033]52;c;eA==\007\n' >&2; printf 'Warning: v1 Endpoints is deprecated\nother words\n' >&2; echo '{}'`
  const asking = createKubectl(['sh', '-c', program], 'kubeconfig', {
    context: 'kb-1',
    another: () => Promise.resolve('kb-1'),
  })
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  await asking.run(['exec', 'n8n', '--', 'true'])
  assert.equal(screen, '')
  context.mock.restoreAll()
})

test('a trial of an object is a dry run on the server; a token is asked for one audience, and redacted from then on', async () => {
  const asked: unknown[] = []
  const api = fakeApi(() => [], {
    create(object, options) {
      asked.push(['create', object, options])
      return Promise.resolve(object as LiveObject)
    },
    post(path, body) {
      asked.push([path, body])
      return Promise.resolve('{"kind":"TokenRequest","status":{"token":"token-of-an-account"}}')
    },
  })
  const reader = createKubeReader({
    words: [],
    api,
    run: () => Promise.reject(new Error('no command')),
    avoid: () => Promise.resolve(),
  })
  await reader.wouldCreate({ kind: 'Pod', metadata: { name: 'trial' } })
  const token = await reader.tokenOf('app', 'app-dev', 'vault')
  assert.equal(token.reveal(), 'token-of-an-account')
  assert.equal(redact('Bearer token-of-an-account'), 'Bearer ***')
  assert.deepEqual(asked, [
    ['create', { kind: 'Pod', metadata: { name: 'trial' } }, { dryRun: true }],
    [
      '/api/v1/namespaces/app-dev/serviceaccounts/app/token',
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: ['vault'], expirationSeconds: 600 },
      },
    ],
  ])
})
