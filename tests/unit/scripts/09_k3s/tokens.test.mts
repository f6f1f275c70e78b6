import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { root } from '../../../../lib/base/files.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import type { RawValues } from '../../../../lib/settings/settings.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { bootstrapKeysIn, bootstrapKeysOf } from '../../../../scripts/09_k3s/nodes/bootstrap-key.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { lastWordsOf } from '../../../../scripts/09_k3s/nodes/journal.mts'
import { tokensSection } from '../../../../scripts/09_k3s/nodes/token-errors.mts'
import { readToken } from '../../../../scripts/09_k3s/nodes/tokens.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { hostsOf, machineOf, makeWorld, tokens, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'

// Tokens that were changed behind the kit's back: by `k3s token rotate`, or by hand in config.yaml. What etcd has is
// right; where it does not tell, both ways are named and nothing is written.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-tokens-'))
after(() => rmSync(folder, { recursive: true }))

const rotated = 'the-token-that-was-rotated-to'
const byHand = 'an-agent-token-changed-by-hand'

/** What a run saves. */
type Saved = { text: RawValues }

async function install(
  world: World,
  given: K3sSettings = settings,
  { saved, asked, limit }: { saved?: Saved; asked?: string[]; limit?: readonly string[] } = {},
): Promise<void> {
  const hosts = hostsOf(world, limit)
  const heard = (some: readonly Host[]) =>
    some.map((one): Host => ({
      ...one,
      read: (words, options) => {
        asked?.push(options?.shown ?? words.join(' '))
        return one.read(words, options)
      },
    }))
  const keep = (found: RawValues) => {
    if (saved === undefined) assert.fail('the settings have both tokens')
    saved.text = found
    return Promise.resolve()
  }
  const { masters, servers } = { masters: heard(hosts.masters), servers: heard(hosts.servers) }
  const shared = { versions, until: untilNow, keep, known: world.nodes.size > 0 }
  await ensureServers({ ...shared, servers, masters, settings: given })
}

async function installed(): Promise<World> {
  const world = makeWorld(3, 0)
  await install(world)
  // As after it was put out once and has joined anew: each server joins by another one.
  const [first, second] = [machineOf(world, 'master-01'), machineOf(world, 'master-02')]
  first.joins = second.address
  await install(world)
  world.writes = 0
  assert.deepEqual(startsOf(world), [2, 1, 1])
  return world
}

const startsOf = (world: World): number[] => world.machines.map(({ starts }) => starts)

/** `k3s token rotate` on one server: etcd and its own file have the new one. */
function rotate(world: World, name: string): void {
  world.tokens = { ...world.tokens, server: rotated }
  for (const one of world.machines) if (one.name !== name) one.keeps = { server: tokens.server }
}

const withToken = (text: string): K3sSettings => ({ ...settings, K3S_TOKEN: sensitive(text) })
const without = (key: 'K3S_TOKEN' | 'K3S_AGENT_TOKEN'): K3sSettings => {
  const { [key]: _lost, ...others } = settings
  return others as K3sSettings
}

/** Exit 5 that says all of this, nothing of that, and no token. */
const refusal =
  (says: readonly RegExp[], not: readonly RegExp[] = []) =>
  (thrown: unknown): true => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    const said = [thrown.message, ...thrown.details, thrown.hint].join('\n')
    for (const text of says) assert.match(said, text)
    for (const text of not) assert.doesNotMatch(said, text)
    for (const secret of [rotated, byHand, tokens.server, tokens.agent]) assert.ok(!said.includes(secret))
    assert.match(said, /Nothing was written\./)
    return true
  }

async function refuses(
  world: World,
  given: K3sSettings,
  ...texts: Parameters<typeof refusal>
): Promise<void> {
  await assert.rejects(install(world, given), refusal(...texts))
  assert.equal(world.writes, 0)
  assert.deepEqual(world.broken, [])
}

test('a rotated token: exit 5 names the one server whose file has what etcd has, whichever that is', async () => {
  for (const name of ['master-01', 'master-03']) {
    const world = await installed()
    rotate(world, name)
    await refuses(
      world,
      settings,
      [
        /^K3S_TOKEN is not the one etcd of the cluster has$/m,
        new RegExp(`^${paths.server}/token of ${name} has it, 09_k3s\\.env has another\\.$`, 'm'),
        new RegExp(`what this shows on ${name}: sed 's/\\.\\*://' ${paths.server}/token `),
      ],
      [/shows on (?!master-0[13])/, /cred\/passwd/],
    )
  }
})

test('with the token etcd has, step 02 starts each server anew with it, whatever the files of the others say', async (context) => {
  const world = await installed()
  rotate(world, 'master-03')
  let screen = ''
  context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  await install(world, withToken(rotated))
  assert.match(screen, /K3S_TOKEN was changed in etcd.*; master-01, master-02 would end at the next start/)
  screen = ''
  assert.deepEqual(world.broken, [])
  assert.deepEqual(startsOf(world), [3, 2, 2])
  // That of master-01 joins by master-02, whose file had the older one.
  assert.match(
    machineOf(world, 'master-01').files.get(paths.config) ?? '',
    /^token: K10abc::server:the-token-that-was/m,
  )
  world.writes = 0
  await install(world, withToken(rotated))
  assert.equal(world.writes, 0)
  assert.doesNotMatch(screen, /was changed in etcd/)
})

test('a lost token is taken over from the server that has the one of etcd, not from the first', async () => {
  const world = await installed()
  rotate(world, 'master-02')
  const saved: Saved = { text: {} }
  await install(world, without('K3S_TOKEN'), { saved })
  assert.deepEqual(saved.text, { K3S_TOKEN: rotated })
  assert.deepEqual(world.broken, [])
})

test('a token that etcd alone has, since the server it was rotated on has ended: exit 5, wrong or missing', async () => {
  const world = await installed()
  rotate(world, 'master-01')
  Object.assign(machineOf(world, 'master-01'), {
    keeps: { server: tokens.server },
    active: false,
    failing: true,
  })
  const given = /the one that was given to k3s token rotate/
  await refuses(world, settings, [
    /^Neither 09_k3s\.env nor \S+ of master-01, master-02, master-03 has it/m,
    given,
  ])
  await refuses(world, without('K3S_TOKEN'), [
    /^K3S_TOKEN is missing, and no master has the one .* in etcd/,
    given,
  ])
})

test('a server that has ended is given the right token first: the others may not be started before it runs', async () => {
  const world = await installed()
  rotate(world, 'master-01')
  Object.assign(machineOf(world, 'master-03'), { active: false, failing: true })
  await install(world, withToken(rotated))
  assert.deepEqual(world.broken, [])
  assert.deepEqual(startsOf(world), [3, 2, 2])
  assert.ok(world.machines.every(({ active }) => active))
})

test('etcd is asked only where the files leave a doubt', async () => {
  const question = 'ask etcd which token the cluster has'
  const world = await installed()
  const asked: string[] = []
  await install(world, settings, { asked })
  assert.ok(!asked.includes(question))
  Object.assign(machineOf(world, 'master-02'), { active: false })
  await install(world, settings, { asked })
  assert.ok(asked.includes(question))
})

test('where no etcd tells, every place is named with the others that have the same, and the ways out of it', async () => {
  const world = await installed()
  rotate(world, 'master-02')
  for (const one of world.machines) one.active = false
  await refuses(world, settings, [
    /^K3S_TOKEN is not the one master-02 has$/m,
    /^one value: 09_k3s\.env; \S+\/server\/token of master-01, master-03$/m,
    /^another: \S+\/server\/token of master-02$/m,
    /k3s token rotate .* the one it was given is right/,
    /rm \/var\/lib\/rancher\/k3s\/server\/cred\/passwd/,
  ])
  await refuses(world, without('K3S_TOKEN'), [
    /^K3S_TOKEN is missing, and the masters have different ones$/m,
    /^one value: \S+ of master-01, master-03$/m,
    /^another: \S+ of master-02$/m,
  ])
})

test('an agent token changed by hand: exit 5 with both ways, and the file that K3s must make anew', async () => {
  const world = await installed()
  machineOf(world, 'master-02').keeps = { agent: byHand }
  // Two masters have what the settings have: taking over that of the third would never pass.
  await refuses(
    world,
    settings,
    [
      /^K3S_AGENT_TOKEN is not the one master-02 has$/m,
      /^one value: 09_k3s\.env; \S+\/agent-token of master-01, master-03$/m,
      /^another: \S+\/agent-token of master-02$/m,
      /if agent-token: was changed on master-02: .*systemctl stop k3s; .*; rm \S+\/cred\/passwd; systemctl start k3s/,
    ],
    [/if 09_k3s\.env was changed/],
  )
  // The same when it has ended of it: the journal and exit 5 say one thing.
  Object.assign(machineOf(world, 'master-02'), { active: false, failing: true })
  await refuses(world, settings, [/if agent-token: was changed on master-02: .*rm \S+\/cred\/passwd/])
  await refuses(world, without('K3S_AGENT_TOKEN'), [
    /^K3S_AGENT_TOKEN is missing, and the masters have different/,
  ])
  for (const one of world.machines) one.keeps = { agent: byHand }
  await refuses(world, settings, [
    /^K3S_AGENT_TOKEN is not the one master-01, master-02, master-03 have$/m,
    /if 09_k3s\.env was changed or lost: .* on master-01: sed 's\/\.\*:\/\/' \S+\/agent-token /,
    /if agent-token: was changed on master-01, master-02, master-03: .*rm \S+\/cred\/passwd/,
  ])
})

// As K3s v1.36.3 and v1.34.4 wrote them.
const journals = {
  passwd:
    'time="2026-11-29T10:00:00Z" level=fatal msg="/var/lib/rancher/k3s/server/cred/ipsec.psk, /var/lib/rancher/k3s/server/cred/passwd newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore."',
  token:
    'time="2026-11-29T10:00:00Z" level=error msg="Shutdown request received: failed to save bootstrap data: bootstrap data already found and encrypted with different token"',
  // Not the reason: after it the server reads its own copy of etcd.
  remote:
    'time="2026-11-29T10:00:00Z" level=warning msg="Unable to reconcile with remote datastore: not authorized"',
  password:
    'time="2026-11-29T10:00:00Z" level=info msg="Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate hostname"',
}
const wordsOf = async (journal: string, unit = 'k3s'): Promise<string> => {
  const read = () => Promise.resolve({ code: 0, stdout: `${journal}\n`, stderr: '' })
  return (await lastWordsOf({ name: 'm3', read } as unknown as Host, unit)).join('\n')
}

test('a unit that ends for its token is told the place, the file to remove, and the section: never a backup alone', async () => {
  const passwd = await wordsOf(journals.passwd)
  assert.match(
    passwd,
    /on m3: systemctl stop k3s; .*rm \/var\/lib\/rancher\/k3s\/server\/cred\/passwd; systemctl start k3s/,
  )
  const token = await wordsOf(journals.token)
  assert.match(
    token,
    /token: of \S+config\.yaml of m3, and K3S_TOKEN of 09_k3s\.env, must be the one .*k3s token rotate/,
  )
  for (const said of [passwd, token]) {
    assert.ok(said.includes(tokensSection))
    assert.doesNotMatch(said, /backup/)
  }
  // The first try ends with the one, those after it with the other: the newest counts.
  const both = `${journals.remote}\n${journals.token}\n${journals.passwd}\n${journals.remote}`
  assert.match(await wordsOf(both), /rm \S+\/cred\/passwd/)
})

test('a rejected node password: the Node of a worker is deleted, that of a master never', async () => {
  assert.match(
    await wordsOf(journals.password, 'k3s-agent'),
    /kubectl delete node m3: it then joins by itself/,
  )
  const master = await wordsOf(journals.password)
  assert.match(master, /run module 9 again/)
  assert.doesNotMatch(master, /delete node/)
})

test('the key is asked on port 2382, without its value, and read from what etcd answers', async () => {
  const answer =
    '{"header":{"cluster_id":"1","revision":"9"},\n"kvs":[{"key":"L2Jvb3RzdHJhcC8wYTZjMTI4ZjVkYWQ=","create_revision":"7","mod_revision":"7","version":"1"}],"count":"1"}'
  writeFileSync(
    join(folder, 'curl'),
    `#!/bin/sh\nprintf '%s\\n' "$@" >${folder}/asked\nprintf '%s\\n' '${answer}'\n`,
    { mode: 0o755 },
  )
  const read = async (words: readonly string[], { input }: { input?: Readable } = {}) => {
    const [program = '', ...rest] = words
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    const { stdout } = spawnSync(program, rest, {
      input: await buffer(input as Readable),
      encoding: 'utf8',
      env,
    })
    return { code: 0, stdout, stderr: '' }
  }
  const server = { name: 'm1', read } as unknown as Host
  const state = { name: 'm1', data: true, active: true }
  assert.deepEqual(await bootstrapKeysOf([state], [server]), ['0a6c128f5dad'])
  const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')
  assert.equal(asked.at(-1), 'https://127.0.0.1:2382/v3/kv/range')
  assert.equal(asked[asked.indexOf('--cert') + 1], `${paths.server}/tls/etcd/client.crt`)
  const sent = JSON.parse(asked[asked.indexOf('-d') + 1] ?? '') as Record<string, unknown>
  const plain = (text: unknown) => Buffer.from(String(text), 'base64').toString()
  assert.deepEqual(
    { ...sent, key: plain(sent['key']), range_end: plain(sent['range_end']) },
    { key: '/bootstrap/', range_end: '/bootstrap0', keys_only: true },
  )
  // One that does not run, or holds no database, is not asked.
  assert.deepEqual(await bootstrapKeysOf([{ ...state, active: false }], [server]), [])
  assert.deepEqual(await bootstrapKeysOf([{ ...state, data: false }], [server]), [])
})

test('what is no answer of etcd tells no key', () => {
  const key = (text: string) => `bootstrap={"kvs":[{"key":"${Buffer.from(text).toString('base64')}"}]}`
  assert.deepEqual(bootstrapKeysIn(`${key('/bootstrap/0a6c128f5dad')}\n`), ['0a6c128f5dad'])
  for (const said of [
    '',
    'bootstrap={',
    'bootstrap={"header":{}}',
    key('/bootstrap/short'),
    key('/registry/pods'),
  ])
    assert.deepEqual(bootstrapKeysIn(said), [], said)
})

test('the section that messages name is in the README', () => {
  const [file = '', heading = ''] = /^(\S+), "(.*)"$/.exec(tokensSection)?.slice(1) ?? []
  assert.match(readFileSync(join(root, file), 'utf8'), new RegExp(`^## ${heading}$`, 'm'))
})

test('the join token is what a server said of itself with the setting; its file is read only where it said nothing', async () => {
  let reads = 0
  const server = {
    read: () => Promise.resolve({ code: 0, stdout: `K10${(reads += 1)}::server:older\n`, stderr: '' }),
  } as unknown as Host
  const given = { K3S_TOKEN: sensitive('the-setting') } as never
  assert.equal(
    await readToken(server, given, { tokenPrefix: 'K10abc::server:' }),
    'K10abc::server:the-setting',
  )
  assert.equal(reads, 0)
  assert.equal(await readToken(server, given, { tokenPrefix: undefined }), 'K101::server:the-setting')
})
