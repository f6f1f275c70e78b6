import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, mock, test } from 'node:test'
import { answersTo, askFromPods } from '../../../../scripts/09_k3s/drill/from-pods.mts'
import { allSeconds, awayOf } from '../../../../scripts/09_k3s/drill/away.mts'
import { stopHard, untilHealthy } from '../../../../scripts/09_k3s/drill/stop-hard.mts'
import type { Host } from '../../../../lib/hosts/host.mts'

// The two shell programs of the drill, by a real sh. What they ask of the machine is a folder that stands in for it;
// `kill` takes a process out of that folder, and nothing else.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-drill-'))
after(() => rmSync(folder, { recursive: true }))

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode })
}

/** What is sent to a host to stop K3s: its words, and the script on stdin. */
async function stopProgram() {
  let sent = { words: [] as readonly string[], script: '', shown: '', evenInterrupted: false }
  const host = {
    change: (
      _what: string,
      words: readonly string[],
      { input = '', shown = '', runDespiteInterrupt = false },
    ) => {
      sent = { words, script: input, shown, evenInterrupted: runDespiteInterrupt }
      return Promise.resolve()
    },
  }
  await stopHard({ host: host as unknown as Host, role: 'server' })
  return sent
}

/** Runs it where K3s (10) has started containerd (11), and a shim (20) a pod (21). @param main as systemd names it */
async function stop(main: string, undying: readonly string[] = []) {
  const root = mkdtempSync(join(folder, 'root-'))
  const process = (pid: string, words: string, children: string) => {
    write(join(root, 'proc', pid, 'cmdline'), words.replaceAll(' ', '\0'))
    write(join(root, 'proc', pid, 'task', pid, 'children'), children)
  }
  process('10', '/usr/local/bin/k3s server', '11 ')
  process('11', 'containerd -c /var/lib/rancher/k3s/agent/etc/containerd/config.toml', '')
  process('20', 'containerd-shim-runc-v2 -namespace k8s.io -id a -address /run/k3s/containerd.sock', '21 ')
  process('21', '/pause', '')
  process('30', 'containerd-shim-runc-v2 -namespace moby -id b -address /run/containerd.sock', '')
  write(join(root, 'undying'), undying.join('\n'))
  const systemctl = `#!/bin/sh\n[ "$1" != show ] || echo ${main}\necho "systemctl $1 $2" >>${root}/did\n`
  write(join(root, 'bin/systemctl'), systemctl, 0o755)
  const { script, words } = await stopProgram()
  const standIns = `kill() {
    shift
    echo "kill $*" >>${root}/did
    for one; do grep -qx "$one" ${root}/undying || rm -rf "${root}/proc/$one"; done
  }
  sleep() { :; }
`
  const inFolder = script.replaceAll('/proc/', `${root}/proc/`).replaceAll('/sys/fs/', `${root}/sys/fs/`)
  // Nothing of this machine may be looked at: the script kills what it finds.
  assert.equal(inFolder.split('/proc/').length, inFolder.split(`${root}/proc/`).length)
  const { status, stderr } = spawnSync('/bin/sh', words.slice(1), {
    input: standIns + inFolder,
    env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin` },
    encoding: 'utf8',
  })
  const did = existsSync(join(root, 'did')) ? readFileSync(join(root, 'did'), 'utf8').trim().split('\n') : []
  return {
    status,
    stderr,
    did,
    left: ['10', '11', '20', '21', '30'].filter((pid) => existsSync(join(root, 'proc', pid))),
  }
}

test('K3s and its containerd are killed first, then systemd is kept from starting it, then its pods are killed', async () => {
  const { status, did, left, stderr } = await stop('10')
  assert.equal(status, 0, stderr)
  assert.deepEqual(did, [
    'systemctl show --property',
    'kill 10 11',
    'systemctl stop k3s',
    'systemctl reset-failed k3s',
    'kill 20 21',
  ])
  assert.deepEqual(left, ['30'], 'what another containerd runs is left alone')
})

test('where K3s does not run nothing is killed; a pod that does not end is an error', async () => {
  const stopped = await stop('0')
  assert.deepEqual([stopped.status, stopped.left.length], [1, 5])
  assert.match(stopped.stderr, /k3s does not run/)
  const undying = await stop('10', ['20'])
  assert.equal(undying.status, 1)
  assert.match(undying.stderr, /processes of pods do not end/)
})

test('no word of the program looks like a shim, and Ctrl-C does not cut it', async () => {
  const { words, shown, evenInterrupted } = await stopProgram()
  assert.deepEqual(words, ['sh', '-s', 'k3s'])
  assert.doesNotMatch(`${words.join(' ')} ${shown}`, /containerd-shim/)
  assert.equal(evenInterrupted, true)
})

/** Stops the timer of a host that is healthy again, where systemd answers so. */
async function disarm(stopCode: number, activeCode: number) {
  const root = mkdtempSync(join(folder, 'timer-'))
  const systemctl = `#!/bin/sh
echo "$*" >>${root}/did
case $1 in stop) exit ${stopCode} ;; is-active) exit ${activeCode} ;; esac
`
  write(join(root, 'systemctl'), systemctl, 0o755)
  let words: readonly string[] = []
  const host = { change: (_what: string, all: readonly string[]) => Promise.resolve(void (words = all)) }
  const machine = { host: host as unknown as Host, role: 'server' } as const
  await untilHealthy(machine, machine.host, () => Promise.resolve())
  const [program = '', ...rest] = words
  const { status, stderr } = spawnSync(program, rest, {
    env: { PATH: `${root}:/usr/bin:/bin` },
    encoding: 'utf8',
  })
  return { status, stderr, did: readFileSync(join(root, 'did'), 'utf8').trim().split('\n')[0] }
}

test('a timer that has started K3s is gone, and that is no error; one that cannot be stopped is', async () => {
  assert.deepEqual(await disarm(5, 3), { status: 0, stderr: '', did: 'stop keybuzz-drill-undo.timer' })
  assert.equal((await disarm(0, 3)).status, 0)
  const running = await disarm(1, 0)
  assert.equal(running.status, 1)
  assert.match(running.stderr, /keybuzz-drill-undo\.timer still runs/)
})

/** What the program in a pod prints, with these programs beside it. */
async function inPod(items: readonly string[], programs: Readonly<Record<string, string>>): Promise<string> {
  const root = mkdtempSync(join(folder, 'pod-'))
  for (const [name, body] of Object.entries({ timeout: 'shift\nexec "$@"', sleep: '', ...programs }))
    write(join(root, name), `#!/bin/sh\n${body}\n`, 0o755)
  let argv: readonly string[] = []
  const runIn = mock.fn((_pod: unknown, words: readonly string[]) => {
    argv = words
    return Promise.resolve(`0 names\n`)
  })
  const probes = [{ node: 'worker-02', pod: 'probe-1', address: '10.42.0.9' }]
  await askFromPods({ runIn }, { probes, ingresses: [], near: true })
  const [shell = '', flag = '', program = ''] = argv
  const { stdout } = spawnSync(shell, [flag, program, 'sh', '2', ...items], {
    env: { PATH: `${root}:/usr/bin:/bin`, HEALTH_PATH: '/healthz', CANARY_HOST: 'canary.dev.example.com' },
    encoding: 'utf8',
  })
  return stdout
}

test('a pod prints a line for each second and item that has an answer, none for what has none', async () => {
  const wget = 'echo "$*" | grep -q 192.0.2.9 && exit 1\necho "keybuzz-probe worker-01"'
  const lines = await inPod(['names', 'page=192.0.2.1:80', 'page=192.0.2.9:80', 'site=192.0.2.1:80'], {
    nslookup: 'exit 0',
    wget,
  })
  assert.deepEqual(lines.trim().split('\n').toSorted(), [
    '0 names',
    '0 page=192.0.2.1:80',
    '0 site=192.0.2.1:80',
    '1 names',
    '1 page=192.0.2.1:80',
    '1 site=192.0.2.1:80',
  ])
  const other = await inPod(['names', 'site=192.0.2.1:80'], { nslookup: 'exit 1', wget: 'echo another page' })
  assert.equal(other, '')
})

test('a name is lost in each second in which one of the pods has no answer; others are asked by the first pod', async () => {
  const all = Array.from({ length: allSeconds }, (_, second) => `${second} names`)
  const texts = [all.join('\n'), all.toSpliced(7, 1).join('\n')]
  const answers = answersTo('names', texts)
  assert.deepEqual(
    answers.flatMap((answer, second) => (answer ? [] : [second])),
    [7],
  )
  const asked: string[][] = []
  const runIn = (_pod: unknown, argv: readonly string[]) => {
    asked.push(argv.slice(5))
    return Promise.resolve(all.join('\n'))
  }
  const probes = ['a', 'b', 'c', 'd'].map((node) => ({ node, pod: `probe-${node}`, address: '' }))
  const ingresses = [{ node: 'a', address: '192.0.2.1', port: 80 }]
  await askFromPods({ runIn }, { probes, ingresses, near: true })
  assert.deepEqual(asked, [['names', 'page=192.0.2.1:80', 'site=192.0.2.1:80'], ['names'], ['names']])
})

test('where nodes cannot prefer their own CoreDNS names may be lost until the node is found to be', async () => {
  const all = Array.from({ length: allSeconds }, (_, second) =>
    second > 40 || second < 20 ? `${second} names` : '',
  )
  const runIn = () => Promise.resolve(all.join('\n'))
  const probes = [{ node: 'a', pod: 'probe-a', address: '' }]
  const [near] = await askFromPods({ runIn }, { probes, ingresses: [], near: true })
  const [far] = await askFromPods({ runIn }, { probes, ingresses: [], near: false })
  assert.match(near?.fault ?? '', /names was away for 21 s, at most 1/)
  assert.deepEqual([far?.seconds, far?.fault], [21, undefined])
})

test('a pod that asked nothing is an error, not a cluster without names', async () => {
  const probes = [{ node: 'a', pod: 'probe-a', address: '' }]
  const runIn = () => Promise.resolve('')
  await assert.rejects(
    askFromPods({ runIn }, { probes, ingresses: [], near: true }),
    /the probe of a has no answer/,
  )
})

test('a single slow answer at the end is not an absence', () => {
  const answers = (lost: readonly number[]) => Array.from({ length: 100 }, (_, at) => !lost.includes(at))
  const measured = { what: 'n8n', most: 60 }
  assert.equal(awayOf(measured, answers([92, 99])).fault, undefined)
  assert.match(awayOf(measured, answers([90, 92, 99])).fault ?? '', /was not back/)
  assert.equal(awayOf({ what: 'n8n', most: undefined }, answers([90, 92, 99])).fault, undefined)
})
