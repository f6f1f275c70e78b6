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
})

test('what the API server warns of is on the screen once a run, redacted, as text that acts on no terminal; a pod’s own words are not', async (context) => {
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
  assert.equal(await asking.run(['replace', '-f', '-']), '{}\n')
  await asking.run(['replace', '-f', '-'])
  context.mock.restoreAll()
  const lines = screen.split('\n').filter((line) => line !== '')
  assert.equal(lines.length, 2, screen)
  assert.match(lines[0] ?? '', /the API server warns: would violate PodSecurity: \*\*\* ␛\]52;c;eA==␇$/)
  assert.match(lines[1] ?? '', /the API server warns: v1 Endpoints is deprecated$/)
})

test('a kubectl that writes something else than its answer is named, with what it wrote: exit 3', async () => {
  const chatty = createKubectl(['sh', '-c', 'echo welcome; echo "{}"'], 'kubeconfig', {
    context: 'kb-1',
    another: () => Promise.resolve('kb-1'),
  })
  await assert.rejects(chatty.json(['get', 'pods']), {
    exitCode: exitCodes.preflight,
    details: ['welcome'],
  })
})

test('a trial of an object is a dry run on the server; a token is asked for one audience, and redacted from then on', async () => {
  const asked: { words: readonly string[]; input?: unknown }[] = []
  const reader = createKubeReader({
    words: [],
    api: fakeApi(() => []),
    json: (words, options) => {
      asked.push({ words, input: options?.input })
      return Promise.resolve({ kind: 'Pod' } as never)
    },
    run: (words) => {
      asked.push({ words })
      return Promise.resolve('token-of-an-account\n')
    },
  })
  await reader.wouldCreate({ kind: 'Pod', metadata: { name: 'trial' } })
  const token = await reader.tokenOf('app', 'app-dev', 'vault')
  assert.equal(token.reveal(), 'token-of-an-account')
  assert.equal(redact('Bearer token-of-an-account'), 'Bearer ***')
  assert.deepEqual(
    asked.map(({ words }) => words.join(' ')),
    ['create --dry-run=server -f -', 'create token app --namespace app-dev --audience vault --duration 600s'],
  )
  assert.deepEqual(asked[0]?.input, { kind: 'Pod', metadata: { name: 'trial' } })
})
