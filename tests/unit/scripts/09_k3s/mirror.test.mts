import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { root } from '../../../../lib/base/files.mts'
import { redact } from '../../../../lib/base/sensitive.mts'
import { resolve, typed, problemWith, viewOf } from '../../../../lib/settings/settings.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { registriesOf, registriesPart } from '../../../../scripts/09_k3s/nodes/registries.mts'
import { uninstallScript } from '../../../../scripts/09_k3s/nodes/uninstall-script.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { hostChecks } from '../../../../scripts/09_k3s/preflight/checks.mts'
import { preflightScript } from '../../../../scripts/09_k3s/preflight/script.mts'
import type { HostFacts } from '../../../../scripts/09_k3s/preflight/check.mts'
import { parseDocument } from '../../../../scripts/09_k3s/host/document.mts'
import { prologue } from '../../../../scripts/09_k3s/prepare/script.mts'
import { mirror } from '../../../../scripts/09_k3s/settings-mirror.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { hostsOf, makeWorld, untilNow, type World } from './machines.mts'
import { saved, sources, versions } from './staging.mts'

// The mirror of the nodes, from settings to the file K3s reads.

const ca = readFileSync(join(root, 'tests/fixtures/expired.pem'), 'utf8')
const whole = {
  HOSTS_MIRROR: 'https://mirror.example.com:5000',
  HOSTS_MIRROR_FOR: 'docker.io, ghcr.io',
  HOSTS_MIRROR_CA: ca,
  HOSTS_MIRROR_USER: 'nodes',
  HOSTS_MIRROR_PASSWORD: 'a-mirror-password-of-the-tests',
}
const resolved = (more: Record<string, string>) =>
  resolve([...k3s.shared, ...k3s.settings], { ...sources, saved: { ...saved, ...more } })
const settings = (more: Record<string, string> = {}): K3sSettings =>
  typed('staging', resolved(more)) as K3sSettings
const textOf = (more: Record<string, string>): unknown => parse(registriesOf(settings(more))?.text ?? '')

test('K3s is told of the mirror, the account and the CA by the names it reads them by', () => {
  assert.deepEqual(textOf(whole), {
    mirrors: {
      'docker.io': { endpoint: ['https://mirror.example.com:5000'] },
      'ghcr.io': { endpoint: ['https://mirror.example.com:5000'] },
    },
    configs: {
      'mirror.example.com:5000': {
        auth: { username: 'nodes', password: 'a-mirror-password-of-the-tests' },
        tls: { ca_file: '/etc/rancher/k3s/keybuzz-mirror-ca.pem' },
      },
    },
  })
  assert.equal(registriesOf(settings(whole))?.ca, ca)
  assert.equal(registriesOf(settings()), undefined)
})

test('without account and CA nothing but the mirror is written; a path stays, a default port goes from both places', () => {
  assert.deepEqual(textOf({ HOSTS_MIRROR: 'http://192.0.2.9:5000', HOSTS_MIRROR_FOR: '*' }), {
    mirrors: { '*': { endpoint: ['http://192.0.2.9:5000'] } },
  })
  assert.deepEqual(
    textOf({
      HOSTS_MIRROR: 'https://mirror.example.com:443/v2/hub/',
      HOSTS_MIRROR_FOR: 'docker.io',
      HOSTS_MIRROR_USER: 'nodes',
      HOSTS_MIRROR_PASSWORD: 'a-mirror-password-of-the-tests',
    }),
    {
      mirrors: { 'docker.io': { endpoint: ['https://mirror.example.com/v2/hub'] } },
      configs: {
        'mirror.example.com': { auth: { username: 'nodes', password: 'a-mirror-password-of-the-tests' } },
      },
    },
  )
})

test('a password that YAML 1.1 takes for a number or for yes is text', () => {
  for (const password of ['12345678', '1e3_0000', 'yes'])
    assert.equal(
      (
        parse(registriesOf(settings({ ...whole, HOSTS_MIRROR_PASSWORD: password }))?.text ?? '', {
          version: '1.1',
        }) as { configs: Record<string, { auth: { password: unknown } }> }
      ).configs['mirror.example.com:5000']?.auth.password,
      password,
    )
})

for (const [key, value, problem] of [
  ['HOSTS_MIRROR', 'mirror.example.com:5000', /must be an address/],
  ['HOSTS_MIRROR', 'https://nodes:planted@mirror.example.com', /HOSTS_MIRROR_USER/],
  ['HOSTS_MIRROR', 'https://mirror.example.com/hub', /begins with \/v2\//],
  ['HOSTS_MIRROR', 'https://[2001:db8::1]:5000', /IPv6/],
  ['HOSTS_MIRROR_FOR', 'https://docker.io', /must be host or host:port/],
  ['HOSTS_MIRROR_FOR', '*, docker.io', /must be host or host:port/],
  ['HOSTS_MIRROR_FOR', ' , ', /must name at least one/],
  ['HOSTS_MIRROR_CA', 'no certificate', /PEM/],
  ['HOSTS_MIRROR_CA', ca, /ended on/],
] as const) {
  test(`${key} of ${value.slice(0, 40).trim()} is refused`, () => {
    const setting = mirror.find((one) => one.key === key) ?? assert.fail(key)
    assert.match(problemWith(setting, value, viewOf('staging', [])) ?? '', problem)
  })
}

for (const [what, more, problem] of [
  [
    'an account that would pass in clear',
    { HOSTS_MIRROR: 'http://mirror.example.com', HOSTS_MIRROR_CA: '' },
    /in clear/,
  ],
  [
    'a CA for a mirror without TLS',
    { HOSTS_MIRROR: 'http://mirror.example.com', HOSTS_MIRROR_USER: '' },
    /is for https/,
  ],
  ['the registry of the pull Secrets by its name', { REGISTRY_SERVER: 'ghcr.io' }, /covers REGISTRY_SERVER/],
  [
    'the registry of the pull Secrets by *',
    { REGISTRY_SERVER: 'registry.example.com', HOSTS_MIRROR_FOR: '*' },
    /covers REGISTRY_SERVER \(registry\.example\.com\)/,
  ],
] as const) {
  test(`${what} is refused`, () => {
    const texts = Object.entries({
      ...whole,
      ...more,
      REGISTRY_USER: 'a',
      REGISTRY_PASSWORD: 'b-password-of-it',
    })
    const given = Object.fromEntries(texts.filter(([, value]) => value !== ''))
    const problems = k3s.validate?.(settings(given)) ?? []
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', problem)
  })
}

test('a mirror beside a registry it does not cover, or that is the registry itself, is no problem', () => {
  const account = { REGISTRY_USER: 'a', REGISTRY_PASSWORD: 'b-password-of-it' }
  for (const more of [
    { REGISTRY_SERVER: 'registry.example.com' },
    { REGISTRY_SERVER: 'mirror.example.com:5000', HOSTS_MIRROR_FOR: '*' },
  ])
    assert.deepEqual(k3s.validate?.(settings({ ...whole, ...account, ...more })), [])
})

async function install(world: World, more: Record<string, string>, known = true): Promise<void> {
  const keep = () => assert.fail('the settings have both tokens')
  const shared = { ...hostsOf(world), settings: settings(more), keep, versions, until: untilNow }
  await ensureServers({ ...shared, known })
  await ensureWorkers(shared)
}
const startsOf = (world: World): number[] => world.machines.map(({ starts }) => starts)

test('servers and agents get it alike; a second run writes nothing; another mirror starts them one by one; none takes it away', async () => {
  const world = makeWorld(3, 2)
  await install(world, whole, false)
  const texts = new Set(world.machines.map(({ files }) => files.get(paths.registries)))
  assert.deepEqual([...texts], [registriesOf(settings(whole))?.text])
  assert.ok(world.machines.every(({ files }) => files.get(paths.mirrorCa) === ca))
  world.writes = 0
  await install(world, whole)
  assert.equal(world.writes, 0)
  const before = startsOf(world)
  await install(world, { ...whole, HOSTS_MIRROR_PASSWORD: 'another-password-of-the-tests' })
  const after = startsOf(world)
  assert.deepEqual(
    after,
    before.map((starts) => starts + 1),
  )
  await install(world, {})
  assert.deepEqual(
    startsOf(world),
    after.map((starts) => starts + 1),
  )
  assert.ok(world.machines.every(({ files }) => !files.has(paths.registries)))
  world.writes = 0
  await install(world, {})
  assert.equal(world.writes, 0)
  // No server was started while another was away.
  assert.deepEqual(world.broken, [])
})

test('a file that a killed run wrote, and no start has read, goes when the mirror is taken out of the settings', async () => {
  const world = makeWorld(1, 1)
  await install(world, {}, false)
  for (const { files } of world.machines)
    files.set(paths.registries, registriesOf(settings(whole))?.text ?? '')
  await install(world, {})
  assert.ok(world.machines.every(({ files }) => !files.has(paths.registries)))
})

test('a file of somebody else is left alone without a mirror; with one nothing is written: exit 5', async () => {
  const world = makeWorld(1, 1)
  const theirs = 'mirrors: {}\n'
  const [master, worker] = world.machines
  master?.files.set(paths.registries, theirs)
  await install(world, {}, false)
  assert.equal(master?.files.get(paths.registries), theirs)
  world.writes = 0
  const isConflict = (thrown: unknown): boolean =>
    thrown instanceof KitError &&
    thrown.exitCode === exitCodes.conflict &&
    /^master-01: .*registries\.yaml is there/.test(thrown.message)
  await assert.rejects(install(world, whole), isConflict)
  assert.equal(world.writes, 0)
  master?.files.delete(paths.registries)
  worker?.files.set(paths.registries, theirs)
  await assert.rejects(install(world, whole), /1 of 1 workers did not join/)
  assert.equal(worker?.files.get(paths.registries), theirs)
})

test('preflight says so before anything is written, on every host', () => {
  const check = hostChecks.find(({ id }) => id === 'host.registries') ?? assert.fail()
  const good = readFileSync(join(root, 'tests/fixtures/hosts/good.txt'), 'utf8')
  const ask = (text: string, more: Record<string, string>) =>
    check.ask({ said: parseDocument('k8s-1', text), settings: settings(more) } as unknown as HostFacts).result
  const theirs = good.replace('end 1', `registries ${paths.registries}\nend 1`)
  assert.deepEqual(
    [ask(good, {}), ask(good, whole), ask(theirs, {}), ask(theirs, whole)],
    ['passed', 'passed', 'warning', 'failed'],
  )
})

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-mirror-'))
after(() => rmSync(folder, { recursive: true }))

test('whose file it is, is read from the file itself, by an install and by preflight', () => {
  const file = join(folder, 'registries.yaml')
  const line = preflightScript.split('\n').find((one) => one.includes(paths.registries)) ?? assert.fail()
  const ask = (script: string) =>
    execFileSync('sh', ['-c', script.replaceAll(paths.registries, file)], { encoding: 'utf8' })
  const owner = () => ask(registriesPart)
  const told = () => ask(`${prologue}${line}\ntrue`)
  assert.deepEqual([owner(), told()], ['registries=\n', ''])
  writeFileSync(file, registriesOf(settings(whole))?.text ?? '')
  assert.equal(owner(), 'registries=1\n')
  assert.equal(told(), '')
  writeFileSync(file, 'mirrors: {}\n')
  assert.equal(owner(), 'registries=0\n')
  assert.equal(told(), `registries ${file}\n`)
})

test('the uninstall on the host takes both files along', () => {
  const script = uninstallScript('10.42.0.0/16')
  const begin = script.indexOf('inside() {')
  const etc = join(folder, 'etc/rancher')
  for (const path of [paths.registries, paths.mirrorCa]) {
    mkdirSync(join(etc, 'k3s'), { recursive: true })
    writeFileSync(join(folder, path), 'x')
  }
  const part = script.slice(begin, script.indexOf('for link in kubectl crictl ctr', begin))
  const here = part.replaceAll(/(?<= )\/(var|run|etc)\//g, `${folder}/$1/`)
  execFileSync('sh', ['-eu', '-c', here])
  assert.throws(() => readFileSync(join(folder, paths.registries)), /ENOENT/)
  assert.throws(() => readFileSync(join(folder, paths.mirrorCa)), /ENOENT/)
})

test('the password is registered: no log and no message shows it', () => {
  registriesOf(settings(whole))
  assert.equal(redact(`x ${whole.HOSTS_MIRROR_PASSWORD}`).includes(whole.HOSTS_MIRROR_PASSWORD), false)
})
