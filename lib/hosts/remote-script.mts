import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { Finished } from '../base/command.mts'
import type { RemoteOptions } from './ssh.mts'

/** How a script in $s is run with its arguments. As short as possible: it is sent to each host several times a run. */
const interpreters = { sh: 'eval "$s"', perl: 'perl -e "$s" "$@"' }

/** A script without its indentation and the lines that are comments, which no interpreter needs. */
const bare = (script: string): string => script.replaceAll(/^ *#.*\n|^ +/gm, '')

export interface ScriptOptions extends Omit<RemoteOptions, 'input'> {
  readonly shown: string
  readonly interpreter?: keyof typeof interpreters
}

/** Runs read-only commands on a host, see Host.read. */
export interface HostReader {
  read(words: readonly string[], options?: RemoteOptions): Promise<Finished>
}

/**
 * Runs a POSIX shell or perl script on a host; it must change nothing. It is sent on stdin, compressed by gzip. A
 * non-zero exit is a result.
 * @param words its arguments: `$1`, `$2`, ...
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export const readScript = (
  host: HostReader,
  script: string,
  words: readonly string[],
  { interpreter = 'sh', ...options }: ScriptOptions,
): Promise<Finished> =>
  host.read(['sh', '-c', `s=$(gzip -dc)&&${interpreters[interpreter]}`, 'sh', ...words], {
    ...options,
    input: Readable.from([gzipSync(bare(script), { level: 9 })]),
  })
