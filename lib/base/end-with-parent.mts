import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { lazily } from './lazy.mts'

// Programs the kit starts end with it, also when it is killed and can no longer end them. A kubectl that waits for a
// slow API server would otherwise write minutes later, under a run that has taken the lock over meanwhile.

/** As zx calls it: always with words and options. */
type Start = (file: string, words: readonly string[], options: SpawnOptions) => ChildProcess

/** How zx starts a program, and what its shell does before it becomes that program. */
export interface EndingWithParent {
  readonly spawn: typeof spawn
  readonly prefix: string
}

/** zx leaves the shell to Node's spawn; here it is a program like any other. */
const forZx = (start: Start): typeof spawn =>
  ((file: string, words: readonly string[], { shell, ...options }: SpawnOptions) =>
    typeof shell === 'string'
      ? start(shell, ['-c', [file, ...words].join(' ')], options)
      : start(file, words, options)) as unknown as typeof spawn

/**
 * The kernel ends it (Linux: PR_SET_PDEATHSIG, kept by every exec after it). Whoever was orphaned before that was set
 * has another parent, and does not begin.
 */
const byKernel: EndingWithParent = {
  spawn: forZx((file, words, options) => spawn('setpriv', ['--pdeathsig', 'KILL', file, ...words], options)),
  prefix: `[ "$PPID" = ${process.pid} ] || exit 137; `,
}

/** Ends a program when nothing holds the other end of file descriptor 3 any more: this process does. */
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

/** Where the kernel cannot, a shell beside it does. */
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
    // Held open, but no reason to stay.
    if (held !== null && held !== undefined && 'unref' in held) (held as { unref(): void }).unref()
    return child
  }),
  prefix: '',
}

/** BusyBox has a setpriv without this option; other systems have none. */
const kernelCan = (): boolean => spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0

/** The way of this machine, found out once. */
export const endingWithParent: () => EndingWithParent = lazily(() => (kernelCan() ? byKernel : byWatcher))
