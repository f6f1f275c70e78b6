import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createKubectl } from '../../../lib/kube/kubectl.mts'

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
