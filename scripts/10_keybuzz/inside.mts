import { KitError, messageOf } from '../../lib/base/errors.mts'

// How something is done in a pod of an unknown image: by whatever program its image has.

/** `host:port` to try. */
export type Target = readonly [host: string, port: number]

/** One command for each kind of image. */
export type Ways = readonly (readonly [program: string, ...words: string[]])[]

/** What the first of these commands gives whose program there is; undefined when there is none. */
export async function firstThatRuns<T>(
  ways: Ways,
  run: (argv: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  for (const argv of ways) {
    try {
      return await run(argv)
    } catch (thrown) {
      const words = [messageOf(thrown), ...(thrown instanceof KitError ? thrown.details : [])].join(' ')
      if (!/not found|no such file|exit(?: code)? 12[67]/i.test(words)) throw thrown
    }
  }
  return undefined
}

/** Seconds one connection may take. */
const seconds = 5

/** Commands that say `host:port ok` for each target. Hosts and ports are such by their settings' rules: nothing needs quoting. */
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

/** What was not reached, with its reason; a target nobody spoke of was not. */
export function unreachedIn(text: string, targets: readonly Target[]): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return targets.flatMap(([host, port]) => {
    const target = `${host}:${port}`
    const said = lines.find((line) => line.startsWith(`${target} `))?.slice(target.length + 1)
    return said === 'ok' ? [] : [`${target} ${said ?? 'was not tried'}`]
  })
}

/** Commands that take about half a processor for so many seconds, and then end by themselves, whatever became of us. */
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
