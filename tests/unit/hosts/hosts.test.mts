import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../lib/base/errors.mts'
import { takeMajority } from '../../../lib/hosts/masters-lock.mts'
import { createFiles } from '../../../lib/hosts/host-files.mts'
import { createHost, type Host } from '../../../lib/hosts/host.mts'
import { lostOne, requireMasters } from '../../../lib/hosts/hosts.mts'
import { type Server, limited } from '../../../lib/hosts/servers.mts'
import { createWrites } from '../../../lib/base/writes.mts'

const server = (hostname: string): Server => ({
  line: 2,
  env: 'staging',
  hostname,
  privateAddress: '192.0.2.1',
  publicAddress: undefined,
  fqdn: undefined,
  user: undefined,
  role: 'k3s',
  subrole: hostname.split('-')[0] ?? '',
})
const masters = ['master-01', 'master-02', 'master-03'].map(server)
const workers = ['worker-01', 'worker-02'].map(server)
const names = (servers: readonly Server[]) => servers.map(({ hostname }) => hostname)

test('without --limit a run works on every host', () => {
  const all = limited({ masters, workers }, undefined)
  assert.deepEqual(all.masters.limited, masters)
  assert.deepEqual(all.workers, workers)
})

test('--limit leaves the named hosts, and every master to be asked', () => {
  const some = limited({ masters, workers }, ['worker-02', 'master-03'])
  assert.deepEqual(names(some.masters.all), names(masters))
  assert.deepEqual(names(some.masters.limited), ['master-03'])
  assert.deepEqual(names(some.workers), ['worker-02'])
})

test('--limit with a host servers.tsv does not name is exit 2, with the nearest', () => {
  assert.throws(
    () => limited({ masters, workers }, ['worker-03x']),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.usage &&
      /worker-0[12]/.test(thrown.hint ?? ''),
  )
})

/** Masters whose locks are held here, by name: each with what tells its run that it is gone. */
function lockable(held: Map<string, () => void>) {
  return (name: string): Pick<Host, 'lock'> => ({
    async lock(_path, onLost) {
      if (held.has(name)) throw new KitError(`another run works on ${name}`, { exitCode: exitCodes.locked })
      held.set(name, onLost)
    },
  })
}

const neverLost = () => assert.fail('the lock is there')

test('two runs that reach different masters meet on one of them: exit 11', async () => {
  const held = new Map<string, () => void>()
  const host = lockable(held)
  await takeMajority([host('master-01'), host('master-02')], 3, neverLost)
  await assert.rejects(
    takeMajority([host('master-02'), host('master-03')], 3, neverLost),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.locked,
  )
})

test('a run is told that its lock is gone as soon as others could have a majority', async () => {
  const held = new Map<string, () => void>()
  let told = 0
  await takeMajority(['master-01', 'master-02', 'master-03'].map(lockable(held)), 3, () => (told += 1))
  held.get('master-02')?.()
  assert.equal(told, 0, 'two of three are a majority')
  held.get('master-01')?.()
  assert.equal(told, 1)
})

test('a run that reaches no majority of the masters works on none, exit 6', async () => {
  const held = new Map<string, () => void>()
  await assert.rejects(
    takeMajority([lockable(held)('master-03')], 3, neverLost),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable,
  )
  assert.equal(held.size, 0)
})

test('where most masters cannot be connected to, the way out is named; where one is missing, only that one', () => {
  const away = (name: string) => {
    const why = new KitError(`${name} cannot be reached`, { exitCode: exitCodes.unreachable })
    return { name, address: '192.0.2.1', role: 'master', limited: true, why } as const
  }
  const saidOf = (lost: Parameters<typeof requireMasters>[0], all: number): string => {
    try {
      requireMasters(lost, all)
    } catch (thrown) {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.unreachable)
      return [thrown.message, ...thrown.details].join('\n')
    }
    return ''
  }
  assert.match(saidOf([away('m2'), away('m3')], 3), /master.*When most servers are lost/s)
  assert.doesNotMatch(saidOf([away('m2'), away('m3')], 5), /When most/)
  assert.equal(saidOf([away('m2')], 3), 'm2 cannot be reached')
  assert.equal(saidOf([{ ...away('w1'), role: 'worker' }], 3), '')
})

test('a login that fails loses its host; an interruption ends the run', () => {
  const [first] = masters
  const of = (reason: unknown) => () => lostOne(first, { all: masters, limited: [] }, reason)
  const away = new KitError('no answer', { exitCode: exitCodes.unreachable })
  assert.deepEqual(of(away)(), {
    name: 'master-01',
    address: '192.0.2.1',
    role: 'master',
    limited: false,
    why: away,
  })
  for (const ended of [new Cancelled(), new KitError('terminated', { exitCode: exitCodes.terminated })])
    assert.throws(of(ended), (thrown) => thrown === ended)
})

/** A host whose commands end with these codes, one after the other; their words are in `said`. */
function hostEnding(codes: number[], holder = 'quiet', stderr = '') {
  const said: string[][] = []
  const held: string[][] = []
  const host = createHost({
    name: 'worker-01',
    address: '192.0.2.4',
    connection: {
      run: (words) => {
        said.push([...words])
        return Promise.resolve({ code: codes.shift() ?? 0, stdout: '', stderr })
      },
      runHeld: (words) => {
        held.push([...words])
        return Promise.resolve(holder)
      },
      close: () => {},
    },
    writes: createWrites({ planning: false, guard: () => Promise.resolve() }),
  })
  return { host, said, held }
}

/** What stands before the words of every lock. */
const locking = ['sh', '-c', 'mkdir -p -m 700 /run/keybuzz-installer;exec flock "$@"', 'flock']

test('a command that changes a host is told apart, while it works, from one that reads', async () => {
  const { host, said } = hostEnding([])
  await host.change('restart it', ['systemctl', 'restart', 'it'])
  await host.read(['uname', '-n'])
  assert.deepEqual(said, [
    [...locking, '--shared', '--close', '/run/keybuzz-installer/work.lock', 'systemctl', 'restart', 'it'],
    ['uname', '-n'],
  ])
})

test('what a command that succeeded warns of is heard; a command without warnings says nothing', async () => {
  const heard: string[] = []
  const onWarnings = (text: string) => void heard.push(text)
  await hostEnding([0], 'quiet', 'a set stays\n').host.change('clean it', ['clean'], { onWarnings })
  await hostEnding([0]).host.change('clean it', ['clean'], { onWarnings })
  await assert.rejects(hostEnding([1], 'quiet', 'no').host.change('clean it', ['clean'], { onWarnings }))
  assert.deepEqual(heard, ['a set stays'])
})

test('a host on which a run that is gone still works is waited for; exit 11 when that does not end', async () => {
  const quiet = hostEnding([0])
  await quiet.host.quiet()
  assert.equal(quiet.said.length, 1)
  const ending = hostEnding([75, 0])
  await ending.host.quiet()
  assert.equal(ending.said.length, 2)
  await assert.rejects(
    hostEnding([75, 75]).host.quiet(),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.locked &&
      /has not ended within/.test(thrown.message),
  )
})

test('every lock is in a folder that only root can enter, which its own command makes', async () => {
  const { host, said, held } = hostEnding([])
  await host.change('restart it', ['systemctl', 'restart', 'it'])
  await host.quiet()
  await takeMajority([host], 1, neverLost)
  const commands = [...said, ...held]
  assert.equal(commands.length, 3)
  for (const words of commands) {
    assert.deepEqual(words.slice(0, 4), locking)
    for (const path of words.join(' ').match(/\/\S+\.lock/g) ?? [])
      assert.match(path, /^\/run\/keybuzz-installer\/\w+\.lock$/)
  }
})

test('a lock is held when its holder says so, not when anything else is said', async () => {
  await assert.rejects(hostEnding([], 'Welcome to worker-01!').host.lock('/run/a.lock', neverLost), {
    exitCode: exitCodes.rolloutFailed,
    message: /no lock: Welcome/,
    hint: /^correct that on worker-01: /,
  })
})

test('who holds the lock of a host has looked whether anybody works there: it is not asked twice', async () => {
  const quiet = hostEnding([])
  await quiet.host.lock('/run/lock', neverLost)
  await quiet.host.quiet()
  assert.equal(quiet.said.length, 0)
  const busy = hostEnding([75, 0], 'busy')
  await busy.host.lock('/run/lock', neverLost)
  await busy.host.quiet()
  assert.equal(busy.said.length, 2)
})

/** What is told of these files of a host that answers with these lines. */
async function lookedAt(paths: readonly string[], ...lines: string[]) {
  const run = () =>
    Promise.resolve({ code: 0, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' })
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  const files = createFiles({ name: 'worker-01', writes, run, must: () => assert.fail('it only looks') })
  return files.look(paths, { script: 'echo more', words: [], shown: 'look' })
}

test('files of a host are known by a line each, before what its question says; fewer lines, or any other line, is no answer', async () => {
  const [sum, other] = ['a'.repeat(64), 'b'.repeat(64)]
  const states = [`${sum} 0644 root`, 'none', `${other} 0600 root`]
  const { sums, said } = await lookedAt(['/a', '/b', '/c'], ...states, 'more', 'and more')
  assert.equal(said, 'more\nand more\n')
  assert.deepEqual(
    [...sums],
    [
      ['/a', sum],
      ['/c', other],
    ],
  )
  assert.equal((await lookedAt([])).sums.size, 0)
  for (const lines of [
    ['Welcome!', `${sum} 0644 root`, 'none'],
    [`${sum} 0644 root`],
    ['Welcome!', `${sum} 0644 root`],
    [`${sum} 0644 root`, ' 0755 root'],
  ]) {
    await assert.rejects(
      lookedAt(['/a', '/b'], ...lines),
      (thrown) => thrown instanceof KitError && /what its files are/.test(thrown.message),
    )
  }
})
