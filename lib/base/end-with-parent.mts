import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { lazily } from './lazy.mts'

// Programs the kit starts end with it, also when it is killed and can no longer end them. A kubectl that waits for a
// slow API server would otherwise write minutes later, while another run has already taken the lock over.

/** Node's spawn as zx calls it: always with words and options. */
type Start = (file: string, words: readonly string[], options: SpawnOptions) => ChildProcess

/** How zx starts a program: the spawn function, and the shell commands before the program is executed. */
export interface EndingWithParent {
  readonly spawn: typeof spawn
  readonly prefix: string
}

/** zx passes `shell` to Node's spawn; here the shell is started as a program with `-c`. */
const forZx = (start: Start): typeof spawn =>
  ((file: string, words: readonly string[], { shell, ...options }: SpawnOptions) =>
    typeof shell === 'string'
      ? start(shell, ['-c', [file, ...words].join(' ')], options)
      : start(file, words, options)) as unknown as typeof spawn

/**
 * The kernel kills the program (Linux: PR_SET_PDEATHSIG, kept across exec). Where the kit ended before that was set,
 * the shell has another parent process: the prefix ends it before the program starts.
 */
const byKernel: EndingWithParent = {
  spawn: forZx((file, words, options) => spawn('setpriv', ['--pdeathsig', 'KILL', file, ...words], options)),
  prefix: `[ "$PPID" = ${process.pid} ] || exit 137; `,
}

/** Kills the program when the other end of file descriptor 3, which the kit keeps open, is closed. */
const watching = `
exec 4<&0
"$@" <&4 3<&- 4<&- &
program=$!
exec 4<&-
{ read -r nothing <&3; kill -KILL "$program"; } >/dev/null 2>&1 </dev/null &
watcher=$!
exec 3<&-
wait "$program"
code=$?
kill -KILL "$watcher" 2>/dev/null
exit "$code"`

/** Where the kernel cannot kill the program, a shell process does. */
const byWatcher: EndingWithParent = {
  spawn: forZx((file, words, options) => {
    const stdio = Array.isArray(options.stdio)
      ? options.stdio
      : Array.from({ length: 3 }, () => 'pipe' as const)
    const child = spawn('sh', ['-c', watching, 'sh', file, ...words], {
      ...options,
      stdio: [...stdio, 'pipe'],
    })
    const held = child.stdio[3]
    held?.on('error', () => {})
    // The pipe stays open, but does not keep the event loop alive.
    if (held !== null && held !== undefined && 'unref' in held) (held as { unref(): void }).unref()
    return child
  }),
  prefix: '',
}

/** False with the setpriv of BusyBox, which lacks this option, and on systems without setpriv. */
const kernelCan = (): boolean => spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0

/** The method that works on this machine, determined at the first call. */
export const endingWithParent: () => EndingWithParent = lazily(() => (kernelCan() ? byKernel : byWatcher))
