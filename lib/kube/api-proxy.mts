import { mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { startInBackground, type Background } from '../base/background.mts'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { pauseFor } from '../base/poll.mts'
import { written } from '../base/written.mts'
import { kubectlError } from './kubectl-errors.mts'

// `kubectl proxy` on a unix socket: a read or write is then one HTTP request, not a process of its own.
// kubectl still handles kubeconfig, client certificates, tokens, login programs and proxies.

/** A running `kubectl proxy`. */
export interface ApiProxy {
  /** Path of its socket, in a folder that only this user may enter. */
  readonly socket: string
  readonly program: Background
}

/** Longest path of a unix socket, in bytes (Linux has 108 with the terminating zero, macOS 104). */
const longestPath = 103

/** Seconds for kubectl to open its socket: it reads a file and runs no login program before the first request. */
const longestStart = 60

/**
 * Starts `kubectl proxy` and waits until its socket accepts connections. The proxy passes no request that runs a
 * program in a pod, attaches to it or forwards its ports.
 * @param words program, kubeconfig and context
 * @param runDespiteInterrupt true: starts it after a signal too, for a last request
 * @throws KitError of kubectlError when it does not start, exit 6 when it has no socket within 60 s; exit 12 when the
 * temporary folder cannot be made; exit 130 or 143 on a signal
 */
export async function openApiProxy(words: readonly string[], runDespiteInterrupt = false): Promise<ApiProxy> {
  const folder = privateFolder()
  const socket = join(folder, 'api')
  const program = startInBackground([...words, ...proxyWords(socket)], folder)
  let ended: Awaited<Background['ended']> | undefined
  void program.ended.then((how) => (ended = how))
  const until = performance.now() + longestStart * 1000
  try {
    while (!(await accepts(socket))) {
      if (ended !== undefined) throw kubectlError(['proxy', '--unix-socket'], ended)
      if (performance.now() > until) throw kubectlError(['proxy', '--unix-socket'], late)
      await (runDespiteInterrupt ? setTimeout(10) : pauseFor(10))
    }
    return { socket, program }
  } catch (thrown) {
    await program.end()
    throw thrown
  }
}

const proxyWords = (socket: string): string[] => [
  'proxy',
  `--unix-socket=${socket}`,
  // Rancher serves each cluster under a path of its own address.
  '--append-server-path=true',
  // kubectl's default also rejects requests to applications in pods whose path contains one of these words.
  '--reject-paths=^/api/v1/namespaces/[^/]*/pods/[^/]*/(exec|attach|portforward)$',
]

const late = { code: 1, stderr: `Unable to connect to the server: no socket within ${longestStart} s` }

/** A new folder, mode 0700, whose path is short enough for a socket in it. */
function privateFolder(): string {
  const place = join(tmpdir(), 'keybuzz-XXXXXX', 'api').length > longestPath ? '/tmp' : tmpdir()
  try {
    return mkdtempSync(join(place, 'keybuzz-'))
  } catch (cause) {
    throw new KitError(`cannot make a temporary folder in ${place}: ${messageOf(cause)}`, {
      exitCode: exitCodes.localDisk,
      details: [written()],
      hint: `free space there, or export TMPDIR=/var/tmp to use another one; then run the same command again`,
      cause,
    })
  }
}

/** True when a process listens on a unix socket. */
export const accepts = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const trial = connect(socket)
    const answer = (is: boolean) => {
      trial.destroy()
      resolve(is)
    }
    trial.on('connect', () => answer(true))
    trial.on('error', () => answer(false))
  })
