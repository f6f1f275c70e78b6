import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Until } from '../../../../lib/base/poll.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import type { Versions } from '../../../../lib/settings/versions.mts'
import { imagesIn, imagesPart } from '../../../../scripts/09_k3s/host/held-images.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { ensureImages, importSeconds } from '../../../../scripts/09_k3s/nodes/images.mts'
import type { Artifact } from '../../../../scripts/09_k3s/nodes/install.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { hostsOf, makeWorld, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'

// Images that a node has lost. The shell is real, in a folder that stands in for the host's root; its k3s is a stand-in
// whose containerd is a folder of lists, and whose tarballs are lists of names.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-images-'))
after(() => rmSync(folder, { recursive: true }))
for (const path of ['usr/local/bin', 'etc/rancher', 'images', 'containerd/k8s.io'])
  mkdirSync(join(folder, path), { recursive: true })

writeFileSync(
  join(folder, 'usr/local/bin/k3s'),
  `#!/bin/bash
# ctr -n NAMESPACE images import|ls|rm|label
[[ -e ${folder}/down ]] && exit 1
store=${folder}/containerd/$3
mkdir -p "$store"
case "$4 $5" in
  'images import')
    [[ -e ${folder}/no-platforms && "$*" == *--all-platforms* ]] && { touch "$store/half"; echo 'content not found' >&2; exit 1; }
    for name in $(<"\${!#}"); do touch "$store/\${name//\\//_}"; done ;;
  'images ls') for name in "$store"/*; do if [[ -e $name ]]; then echo "\${name##*/}"; fi; done ;;
  'images rm') for name in "\${@:7}"; do rm "$store/$name"; done ;;
  'images label') [[ -e $store/$6 ]] && echo "\${*:7}" >>"$store/$6" ;;
  'namespaces rm') rmdir "$store" ;;
esac
`,
  { mode: 0o755 },
)
writeFileSync(join(folder, 'systemctl'), '#!/bin/sh\n', { mode: 0o755 })

const here = (text: string): string => text.replace(/(?<![\w.])\/(usr|etc)\//g, `${folder}/$1/`)

/** The words of every change, as a plan names them. */
const changed: string[] = []
const inShell = (words: readonly string[]): string => {
  const [shell = '', ...rest] = words.map(here)
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` }
  return execFileSync(shell, rest, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
const host = {
  name: 'm1',
  read: ([shell = '', flag = '', script = '']: readonly string[]) =>
    Promise.resolve({ code: 0, stdout: inShell([shell, flag, `${script}exit 0`]), stderr: '' }),
  change: (what: string, words: readonly string[]) => {
    changed.push(what)
    inShell(words)
    return Promise.resolve()
  },
} as unknown as Host

const tarball = (name: string, sha256: string): Artifact => ({
  file: 'not read',
  sha256,
  prove: () => Promise.resolve(),
  path: join(folder, 'images', name),
  mode: '0644',
})
const artifacts = [tarball('keybuzz-k3s-images.tar.zst', 'a'.repeat(64)), tarball('none.tar', 'b'.repeat(64))]
const store = join(folder, 'containerd/k8s.io')
const holds = (image: string): string => readFileSync(join(store, image), 'utf8')
const asked = () => imagesIn(inShell(['sh', '-c', `${imagesPart}exit 0`]))

/** As K3s at its first start, or its last one: the images are there. */
function lay(): void {
  writeFileSync(join(folder, 'images/keybuzz-k3s-images.tar.zst'), 'coredns:1 pause:3 import-2026:x\n')
  writeFileSync(join(folder, 'images/none.tar'), '')
  for (const image of ['coredns:1', 'pause:3', 'of-others:1']) writeFileSync(join(store, image), '')
  changed.length = 0
}

test('what each tarball holds is noted once, and nothing is left of how it was read', async () => {
  lay()
  assert.deepEqual(asked(), { noted: [], gone: [] })
  assert.equal(await ensureImages(host, artifacts, untilNow), true)
  assert.deepEqual(changed, ['note which images its tarballs hold'])
  assert.deepEqual(asked(), { noted: ['a'.repeat(64), 'b'.repeat(64)], gone: [] })
  assert.throws(() => readFileSync(join(folder, 'containerd/keybuzz-images')), /ENOENT/)
  assert.equal(await ensureImages(host, artifacts, untilNow), false)
  assert.equal(changed.length, 1)
})

for (const [what, flag] of [
  ['', undefined],
  [', of this processor alone where the tarball has no other', 'no-platforms'],
] as const) {
  test(`an image containerd has lost is imported again${what}, and protected as K3s does it`, async () => {
    lay()
    if (flag !== undefined) writeFileSync(join(folder, flag), '')
    rmSync(join(store, 'coredns:1'))
    assert.deepEqual(asked().gone, [['a'.repeat(64), 'coredns:1']])
    assert.equal(await ensureImages(host, artifacts, untilNow, asked()), true)
    assert.deepEqual(changed, [
      'import coredns:1 again, missing in containerd, from keybuzz-k3s-images.tar.zst',
    ])
    assert.equal(holds('coredns:1').trim(), 'io.cri-containerd.pinned=pinned io.cattle.k3s.pinned=pinned')
    assert.equal(holds('of-others:1'), '')
    assert.equal(await ensureImages(host, artifacts, untilNow, asked()), false)
    if (flag !== undefined) rmSync(join(folder, flag))
  })
}

test('an image the tarball does not bring back is an error, not a success', async () => {
  lay()
  rmSync(join(store, 'pause:3'))
  const before = asked()
  writeFileSync(join(folder, 'images/keybuzz-k3s-images.tar.zst'), 'coredns:1\n')
  await assert.rejects(ensureImages(host, artifacts, untilNow, before))
})

test('a containerd that does not answer after an import has not said that the image is there', async () => {
  lay()
  rmSync(join(store, 'pause:3'))
  const dying = {
    ...host,
    async change(what: string, words: readonly string[]) {
      await host.change(what, words)
      writeFileSync(join(folder, 'down'), '')
    },
  }
  await assert.rejects(ensureImages(dying, artifacts, untilNow, asked()), /containerd does not say$/)
  rmSync(join(folder, 'down'))
})

test('a containerd that has lost everything is told from one that does not answer', () => {
  lay()
  for (const image of ['coredns:1', 'pause:3', 'of-others:1']) rmSync(join(store, image))
  assert.equal(asked().gone.length, 2)
  writeFileSync(join(folder, 'down'), '')
  assert.deepEqual(asked(), { noted: [], gone: [] })
  rmSync(join(folder, 'down'))
})

/** Steps 02 and 03. */
async function install(world: World, more: { versions?: Versions; until?: Until } = {}): Promise<void> {
  const keep = () => assert.fail('the settings have both tokens')
  const shared = { ...hostsOf(world), settings, keep, versions, until: untilNow, ...more }
  await ensureServers({ ...shared, known: world.nodes.size > 0 })
  await ensureWorkers(shared)
}

test('a start is waited for the longer the more bytes of images it imports: those that are noted count nothing', async () => {
  const big = join(folder, 'big.tar')
  writeFileSync(big, Buffer.alloc(50_000_000))
  const sha256 = createHash('sha256').update(readFileSync(big)).digest('hex')
  const withBig = { ...versions, 'k3s-images': { version: 'v1', file: big, sha256 } }
  const waited = new Map<string, number>()
  const until: Until = (awaited) => {
    if (/^(master|worker)-0\d$/.test(awaited.what)) waited.set(awaited.what, awaited.seconds)
    return untilNow(awaited)
  }
  const world = makeWorld(3, 1)
  const names = world.machines.map(({ name }) => name)
  await install(world, { versions: withBig, until })
  assert.deepEqual(
    [...waited],
    names.map((name) => [name, 310]),
  )
  // They start anew, and import nothing.
  for (const one of world.machines) one.started = 'with another configuration'
  await install(world, { versions: withBig, until })
  assert.deepEqual(
    [...waited],
    names.map((name) => [name, 300]),
  )
})

test('the program is not imported, and a tarball that is no longer on this machine counts nothing', () => {
  const file = join(folder, 'some.tar')
  writeFileSync(file, Buffer.alloc(5_000_001))
  const some = { ...tarball('some.tar', 'c'.repeat(64)), file }
  const away = tarball('away.tar', 'd'.repeat(64))
  const seconds = (...all: readonly Artifact[]) => importSeconds(all, { noted: ['e'.repeat(64)] })
  assert.equal(seconds(), 0)
  assert.equal(seconds(some, away), 2)
  assert.equal(seconds(some, { ...some, path: paths.binary }, { ...some, sha256: 'e'.repeat(64) }), 2)
})

for (const name of ['master-02', 'worker-01']) {
  test(`steps 02 and 03 bring back what ${name} has lost, and restart nothing`, async () => {
    const world = makeWorld(3, 1)
    await install(world)
    const [one] = world.machines.filter((machine) => machine.name === name)
    assert.ok(one)
    one.gone = [`${versions['k3s-images'].sha256} docker.io/rancher/mirrored-coredns-coredns:1.14.6`]
    world.writes = 0
    await install(world)
    assert.equal(world.writes, 1)
    assert.deepEqual(one.gone, [])
    one.gone = [`${versions['k3s-images'].sha256} docker.io/rancher/mirrored-coredns-coredns:1.14.6`]
    for (const path of one.files.keys()) if (path.includes('/agent/images/')) one.files.delete(path)
    world.writes = 0
    await install(world)
    // The tarball is sent again, then imported.
    assert.equal(world.writes, 2)
    world.writes = 0
    await install(world)
    assert.equal(world.writes, 0)
  })
}
