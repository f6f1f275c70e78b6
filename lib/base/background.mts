import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createCollector, mostErrorBytes } from './collect.mts'
import { surroundings } from './command.mts'
import { messageOf } from './errors.mts'
import { record } from './log.mts'
import { redact } from './sensitive.mts'

// Programs that run in the background during a whole run. Each ends when its stdin is closed: the kernel closes it when
// the kit ends, also after SIGKILL.

/** A program that runs in the background. */
export interface Background {
  /** Settles when the program has ended: its exit code, and the beginning of its stderr, redacted. Never rejects. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>
  /** Collects its stderr from now on. @returns a function that stops collecting and returns the text, redacted */
  listen(): () => string
  /** Ends the program, with SIGKILL after 3 s, and removes its folder. Safe to call twice. Never rejects. */
  end(): Promise<void>
}

/**
 * Ends the program and its child processes when stdin is closed, and removes its folder, whether the program or the kit
 * ends first. The shell leads a process group of its own: `kill 0` signals this group only, and the trap keeps the
 * shell itself alive; a TERM interrupts its `wait`, which is then repeated. The shell writes nothing to stderr: without a
 * reader, SIGPIPE would end it.
 */
const watching = `
trap : TERM
folder=$1
shift
exec 3<&0 4>&2 2>/dev/null
"$@" </dev/null >/dev/null 2>&4 3<&- 4>&- &
program=$!
{ read -r nothing; kill -TERM 0; } <&3 4>&- &
watcher=$!
exec </dev/null 3<&- 4>&-
wait "$program"
code=$?
while kill -0 "$program"; do wait "$program"; code=$?; done
kill -KILL "$watcher"
rm -rf "$folder"
exit "$code"`

/** Milliseconds between the end of a program's stdin and SIGKILL to its process group. */
const endTimeoutMilliseconds = 3000

const running = new Set<Background>()

/**
 * Starts a program that runs until `end` is called or the kit ends. It does not keep the event loop alive.
 * @param words program and arguments; no shell interprets them. Its stdout is discarded
 * @param folder a private folder that only this program uses, removed when it has ended
 * @returns at once; that the program cannot be started is exit code 127 of `ended`
 */
export function startInBackground(words: readonly string[], folder: string): Background {
  const child = spawn('sh', ['-c', watching, 'sh', folder, ...words], {
    env: surroundings(),
    stdio: ['pipe', 'ignore', 'pipe'],
    // Ctrl-C sends SIGINT to the terminal's foreground process group: only the kit decides when this program ends.
    detached: true,
  })
  const stderr = createCollector(mostErrorBytes)
  /** One collector for each `listen`, thus for each request under way: too many for listeners of the stream itself. */
  const listening = new Set([stderr])
  child.stderr.on('data', (piece: Buffer) => {
    for (const one of listening) one.add(piece)
  })
  child.stdin.on('error', () => {})
  const ended = new Promise<{ code: number; stderr: string }>((resolve) => {
    child.on('error', (thrown) => resolve({ code: 127, stderr: messageOf(thrown) }))
    child.on('close', (code) => resolve({ code: code ?? 137, stderr: redact(stderr.text()) }))
  })
  // The pipes of a child process are sockets, with ref and unref; Node's types do not say so.
  const handles = [child, child.stdin, child.stderr] as unknown as { ref(): void; unref(): void }[]
  for (const one of handles) one.unref()
  const background: Background = {
    ended,
    listen() {
      const heard = createCollector(mostErrorBytes)
      listening.add(heard)
      return () => {
        listening.delete(heard)
        return redact(heard.text())
      }
    },
    async end() {
      for (const one of handles) one.ref()
      child.stdin.end()
      const late = setTimeout(() => killGroup(child.pid), endTimeoutMilliseconds)
      await ended
      clearTimeout(late)
      removeFolder(folder)
    },
  }
  running.add(background)
  void ended.then(() => running.delete(background))
  return background
}

/** A folder that cannot be removed is only recorded: the error that ends the run matters more. */
function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch (thrown) {
    record(`${folder} cannot be removed: ${messageOf(thrown)}`)
  }
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // The process group has already ended.
  }
}

/** Ends every program that `startInBackground` started and that still runs, and waits for its end. Never rejects. */
export const endBackground = async (): Promise<void> =>
  void (await Promise.all([...running].map((one) => one.end())))
