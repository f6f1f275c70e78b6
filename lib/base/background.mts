import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createCollector, mostErrorBytes } from './collect.mts'
import { surroundings } from './command.mts'
import { messageOf } from './errors.mts'
import { redact } from './sensitive.mts'

// Programs that run beside the kit for the whole of a run. Each ends when its stdin is closed, which the kernel does
// when the kit ends, however it ends.

/** A program that runs beside the kit. */
export interface Background {
  /** Settles when the program has ended: its exit code, and the beginning of its stderr, redacted. Never rejects. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>
  /** Keeps what it writes to stderr from now on. @returns a function that ends this, and gives the text, redacted */
  listen(): () => string
  /** Ends the program and removes its folder. Safe to call twice. */
  end(): Promise<void>
}

/**
 * Ends the program, and what it has started, when stdin is closed; whoever ends first, its folder is removed. The shell
 * leads a process group of its own: `kill 0` reaches this group alone, and its own trap makes the shell outlive it. It
 * says nothing on stderr itself: whose other end is gone would end it.
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
while kill -0 "$program"; do wait "$program"; code=$?; done
kill -KILL "$watcher"
rm -rf "$folder"
exit "$code"`

/** Milliseconds in which a program ends that has been told to. */
const endTimeoutMilliseconds = 3000

const running = new Set<Background>()

/**
 * Starts a program that runs until it is ended, or the kit ends. It keeps no event loop alive.
 * @param words program and arguments; no shell interprets them. What it writes to stdout is not kept
 * @param folder a private folder of this program alone, removed after it
 */
export function startInBackground(words: readonly string[], folder: string): Background {
  const child = spawn('sh', ['-c', watching, 'sh', folder, ...words], {
    env: surroundings(),
    stdio: ['pipe', 'ignore', 'pipe'],
    // A Ctrl-C is sent to every process of the terminal's group: the kit decides itself when this one ends.
    detached: true,
  })
  const stderr = createCollector(mostErrorBytes)
  /** One for each who listens: as many as questions are under way, and more than a stream takes listeners. */
  const listening = new Set([stderr])
  child.stderr.on('data', (piece: Buffer) => {
    for (const one of listening) one.add(piece)
  })
  child.stdin.on('error', () => {})
  const ended = new Promise<{ code: number; stderr: string }>((resolve) => {
    child.on('error', (thrown) => resolve({ code: 127, stderr: messageOf(thrown) }))
    child.on('close', (code) => resolve({ code: code ?? 137, stderr: redact(stderr.text()) }))
  })
  // The pipes of a child are sockets, which Node's types do not say.
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
      rmSync(folder, { recursive: true, force: true })
    },
  }
  running.add(background)
  void ended.then(() => running.delete(background))
  return background
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Ends every program that still runs beside the kit, and waits for it. Never throws. */
export const endBackground = async (): Promise<void> =>
  void (await Promise.all([...running].map((one) => one.end())))
