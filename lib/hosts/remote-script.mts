import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { Finished } from '../base/command.mts'
import type { RemoteOptions } from './ssh.mts'

/** How a script in $s is run with the words that follow: as short as it can be, each host gets it several times a run. */
const interpreters = { sh: 'eval "$s"', perl: 'perl -e "$s" "$@"' }

/** Without the indentation, which no interpreter needs. */
const unindented = (script: string): string => script.replaceAll(/^ +/gm, '')

export interface ScriptOptions extends Omit<RemoteOptions, 'input'> {
  readonly shown: string
  readonly interpreter?: keyof typeof interpreters
}

/** What runs a command on a host and changes nothing; a non-zero exit is an answer. */
export interface HostReader {
  read(words: readonly string[], options?: RemoteOptions): Promise<Finished>
}

/** Runs a POSIX shell or perl script on a host, as a reader: it must change nothing. It travels packed. */
export const readScript = (
  host: HostReader,
  script: string,
  words: readonly string[],
  { interpreter = 'sh', ...options }: ScriptOptions,
): Promise<Finished> =>
  host.read(['sh', '-c', `s=$(gzip -dc)&&${interpreters[interpreter]}`, 'sh', ...words], {
    ...options,
    input: Readable.from([gzipSync(unindented(script), { level: 9 })]),
  })
