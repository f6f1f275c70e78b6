import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { exitCodes, KitError } from '../base/errors.mts'
import { lookAt } from './known-sums.mts'
import { readScript, type ScriptOptions } from './remote-script.mts'
import type { Finished } from '../base/command.mts'
import type { RemoteOptions } from './ssh.mts'
import type { PinnedFile } from '../settings/pinned-file.mts'
import type { Writes } from '../base/writes.mts'

/** The files of one host. */
export interface Files {
  /**
   * Reads checksum, mode and owner of files for the `put`s that follow, and runs a read-only script in the same round
   * trip.
   * @param paths absolute paths on the host
   * @throws KitError exit 9 when a state cannot be read; exit 3, 6, 9, 130 or 143, see Host.read
   */
  look(paths: readonly string[], question: Question): Promise<Looked>
  /**
   * Writes a file, owned by root, unless content, mode and owner are already right.
   * @param mode four octal digits, as `stat -c %04a` prints them: `0600`
   * @returns true when the file had to be written (under --plan: would be)
   * @throws KitError exit 9 when it cannot be read or written, exit 3 or 7 when `content` is a pinned file that cannot
   *   be read or has another checksum; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws (Writes.make)
   */
  put(path: string, mode: string, content: Content): Promise<boolean>
}

/** A POSIX shell script that changes nothing, and its arguments. */
export interface Question extends Omit<ScriptOptions, 'interpreter'> {
  readonly script: string
  readonly words: readonly string[]
  /** Path on the host of checksums that recordSums recorded: a file that has not changed since is not read. */
  readonly record?: string
}

export interface Looked {
  /** The sha256 in hex of each file that exists, by path. */
  readonly sums: ReadonlyMap<string, string>
  /** What the script printed. */
  readonly said: string
}

/** The wanted content of a file: text, or a local file whose checksum is known. */
export type Content = string | PinnedFile

/** Replaces the file atomically: a full disk or a lost connection leaves the old file and at most a `.keybuzz-new`. */
const receive = `umask 077
new=$1.keybuzz-new
trap 'rm -f "$new"' EXIT
mkdir -p "$(dirname "$1")"
cat >"$new" || {
  df -Pk "$(dirname "$1")" | awk -v path="$1" 'NR == 2 { print "the disk of " path ", mounted at " $6 ", has " $4 " KiB left" }' >&2
  exit 1
}
echo "$3  $new" | sha256sum -c --status || { echo "what arrived is not what was sent: $(wc -c <"$new") bytes" >&2; exit 1; }
chmod "$2" "$new"
sync "$new"
mv -f "$new" "$1"`

const isSeen = (line: string): boolean => /^(none|[0-9a-f]{64} \d{4} \S+)$/.test(line)

export interface FilesOptions {
  readonly name: string
  readonly writes: Writes
  readonly run: (words: readonly string[], options?: RemoteOptions) => Promise<Finished>
  /** As `run`, but a non-zero exit is an error. @throws KitError exit 9 for one, else as Host.read */
  readonly must: (what: string, words: readonly string[], options?: RemoteOptions) => Promise<void>
}

/** The files of the host called `name`; their state is read once and kept until they are written. */
export function createFiles({ name, writes, run, must }: FilesOptions): Files {
  /** Last known state of files by path: `SHA256 MODE OWNER`, or `none`. Removed when a file is written. */
  const seen = new Map<string, string>()

  async function look(
    paths: readonly string[],
    { script, words, record, ...options }: Question = {
      script: '',
      words: [],
      shown: `look at ${paths.join(' ')}`,
    },
  ): Promise<Looked> {
    const text = `${lookAt(paths, record)}\n${script}`
    const { code, stdout, stderr } = await readScript({ read: run }, text, words, options)
    const lines = stdout.split('\n')
    const [states, rest] = [lines.slice(0, paths.length), lines.slice(paths.length)]
    // Exactly one state line for each path, else all are rejected: a shifted line would belong to another file.
    if (code !== 0 || rest.length === 0 || !states.every(isSeen)) {
      throw new KitError(`${name}: what its files are could not be read`, {
        exitCode: exitCodes.rolloutFailed,
        details: stderr.trim().split('\n').slice(-6),
        hint: `look at them on the host: ${paths.join(' ')}`,
      })
    }
    for (const [at, path] of paths.entries()) seen.set(path, states[at] ?? '')
    const there = paths.filter((path) => seen.get(path) !== 'none')
    const sums = new Map(there.map((path) => [path, seen.get(path)?.split(' ')[0] ?? '']))
    return { sums, said: rest.join('\n') }
  }

  async function put(path: string, mode: string, content: Content): Promise<boolean> {
    const sum = typeof content === 'string' ? sha256(content) : content.sha256
    if (!seen.has(path)) await look([path])
    const before = seen.get(path)
    if (before === `${sum} ${mode} root`) return false
    seen.delete(path)
    if (typeof content !== 'string') await content.prove()
    const sign = before === 'none' ? '+' : '~'
    await writes.make([{ sign, what: `host ${name}: ${path}` }], () =>
      must(`writing ${path}`, ['sh', '-ec', receive, 'sh', path, mode, sum], {
        input: typeof content === 'string' ? content : createReadStream(content.file),
        timeoutSeconds: 900,
        shown: `write ${path} (${mode})`,
      }),
    )
    return true
  }

  return { look, put }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
