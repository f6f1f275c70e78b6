import { exitCodes, KitError } from '../../lib/base/errors.mts'

// Commands for pods whose image the kit does not know: the same task for several programs, one of which it may have.

/** A host and port to connect to. */
export type Target = readonly [host: string, port: number]

/** Commands for the same task, each with another program. */
export type Ways = readonly (readonly [program: string, ...words: string[]])[]

/**
 * What the container runtimes (containerd, CRI-O) say of a program that is not in the image, and how a shell there ends.
 * Not every `not found`: the API server says that of a pod which is gone, the kubelet of a container that has ended.
 */
const noProgram =
  /executable file .*not found|exec\b.*: no such file or directory|terminated with exit code 12[67]\b/i

/**
 * Runs the first of these commands whose program exists in the image.
 * @param run must fail with exit 9 and the words of kubectl exec when the program does not exist
 * @returns what `run` returns; undefined when none of the programs exists
 * @throws any other error of `run`
 */
export async function firstThatRuns<T>(
  ways: Ways,
  run: (argv: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  for (const argv of ways) {
    try {
      return await run(argv)
    } catch (thrown) {
      if (!(thrown instanceof KitError) || thrown.exitCode !== exitCodes.rolloutFailed) throw thrown
      if (![thrown.message, ...thrown.details].some((line) => noProgram.test(line))) throw thrown
    }
  }
  return undefined
}

/** Seconds in which a connection must be open. */
const seconds = 5

/**
 * Commands that print a line for each target: `host:port ok`, or the error in place of `ok`. The rules of the settings
 * allow only host names, addresses and ports: nothing needs quoting.
 */
export const waysToReach = (targets: readonly Target[]): Ways => [
  [
    'node',
    '-e',
    `for (const [h, p] of ${JSON.stringify(targets)}) {
  const s = require('net').connect(p, h)
  const end = (w) => { console.log(h + ':' + p + ' ' + w); s.destroy() }
  s.setTimeout(${seconds}000, () => end('no answer')); s.on('connect', () => end('ok')); s.on('error', (e) => end(e.code))
}`,
  ],
  [
    'python3',
    '-c',
    `import socket
for h, p in ${JSON.stringify(targets)}:
    try:
        socket.create_connection((h, p), ${seconds}).close(); print(f'{h}:{p} ok')
    except OSError as e:
        print(f'{h}:{p} {e.strerror or e}')`,
  ],
  [
    'sh',
    '-c',
    [
      'command -v nc >/dev/null || exit 127',
      ...targets.map(
        ([h, p]) => `nc -z -w ${seconds} ${h} ${p} && echo ${h}:${p} ok || echo ${h}:${p} no answer`,
      ),
    ].join('\n'),
  ],
]

/**
 * The targets that were not reached, each with the reason. One without a line of its own was not reached.
 * @param text stdout of a command of waysToReach
 */
export function unreachedIn(text: string, targets: readonly Target[]): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return targets.flatMap(([host, port]) => {
    const target = `${host}:${port}`
    const said = lines.find((line) => line.startsWith(`${target} `))?.slice(target.length + 1)
    return said === 'ok' ? [] : [`${target} ${said ?? 'was not tried'}`]
  })
}

/** Commands that use about half a CPU and end by themselves, even if the kit was killed. @param length seconds */
export const waysToBeBusy = (length: number): Ways => [
  [
    'node',
    '-e',
    `const end = Date.now() + ${length * 1000}, cell = new Int32Array(new SharedArrayBuffer(4))
while (Date.now() < end) { const until = Date.now() + 20; while (Date.now() < until); Atomics.wait(cell, 0, 0, 20) }`,
  ],
  [
    'python3',
    '-c',
    `import time
end = time.time() + ${length}
while time.time() < end:
    until = time.time() + 0.02
    while time.time() < until: pass
    time.sleep(0.02)`,
  ],
  ['sh', '-c', `end=$(($(date +%s) + ${length})); while [ "$(date +%s)" -lt "$end" ]; do :; done`],
]
