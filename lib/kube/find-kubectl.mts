import { accessSync, constants } from 'node:fs'
import { elfMachine, thisProcessor } from '../base/elf.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { jsonIn } from './json-answer.mts'
import type { Kubectl } from './kubectl.mts'
import { fields, readShape, text } from '../base/shape.mts'
import { run } from '../base/command.mts'
import { fromRoot } from '../base/home.mts'
import { pinnedFile } from '../settings/pinned-file.mts'
import { runnable } from '../settings/pinned-program.mts'
import type { Version, Versions } from '../settings/versions.mts'

/** A kubectl of this machine. */
export interface FoundKubectl {
  /** The program, and for the K3s binary its subcommand `kubectl`. */
  readonly words: readonly string[]
  /** True when it was found on PATH or beside the kit: its version has not been compared with the cluster's. */
  readonly unproven: boolean
}

/**
 * Finds the kubectl to use: the one KEYBUZZ_KUBECTL names, else the K3s binary of this environment (`k3s kubectl`, of
 * the cluster's own version) when it is for this machine's processor, else the one on PATH (DESIGN section 8).
 * @throws KitError exit 2 when the list of checksums beside the K3s binary is not text, exit 3 when there is no kubectl
 * or it cannot be run, exit 7 when the K3s binary has no valid sha256 or another one; exit 130 or 143 on a signal
 */
export async function findKubectl(versions: Versions): Promise<FoundKubectl> {
  const named = process.env['KEYBUZZ_KUBECTL']
  if (named !== undefined && named !== '')
    return { words: [requireProgram(fromRoot(named), 'KEYBUZZ_KUBECTL names it')], unproven: false }
  const { k3s } = versions
  const pinned = k3s && pinnedFile('k3s', k3s)
  // The K3s binary is for the hosts' processor, which this machine may not have.
  if (k3s !== undefined && pinned !== undefined && (await runsHere(pinned.file)))
    return { words: [await runnable(pinned), 'kubectl'], unproven: isPlaced(k3s) }
  const found = await run(['sh', '-c', 'command -v kubectl'])
  if (found.code === 0) return { words: [found.stdout.trim()], unproven: true }
  throw new KitError('there is no kubectl on this machine', {
    exitCode: exitCodes.preflight,
    hint: 'install the kubectl of your cluster’s version, or set KEYBUZZ_KUBECTL to its path',
  })
}

/** True for a file found at one of the places of versions.json: this environment's cluster may have another version. */
const isPlaced = ({ file, places }: Version): boolean => file !== undefined && places?.includes(file) === true

/** False for a program of another processor or system. True also for a non-ELF file, and one `runnable` cannot read. */
async function runsHere(file: string): Promise<boolean> {
  const made = await elfMachine(file).catch(() => undefined)
  return made === undefined || (process.platform === 'linux' && made === thisProcessor())
}

function requireProgram(path: string, why: string): string {
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch (cause) {
    throw new KitError(`${path} cannot be run: ${why}`, {
      exitCode: exitCodes.preflight,
      hint: 'correct the path, or take the setting away',
      cause,
    })
  }
}

const version = fields({ gitVersion: text, major: text, minor: text })

/** The output of `kubectl version -o json`. A server's minor version may be `36+`. */
const versioned = fields({ clientVersion: version, serverVersion: version })

/**
 * Requires that kubectl is within one minor version of the API server: Kubernetes supports no other ("Version Skew
 * Policy").
 * @throws KitError exit 3 when it is further apart, or the versions cannot be read; see also Kubectl.run
 */
export async function requireFittingKubectl(kubectl: Kubectl): Promise<void> {
  const words = ['version', '-o', 'json']
  const answer = jsonIn(await kubectl.run(words), words)
  const { clientVersion: client, serverVersion: server } = readShape('kubectl version', versioned, answer, {
    hint: 'set KEYBUZZ_KUBECTL to the path of a kubectl of your cluster’s version',
    exitCode: exitCodes.preflight,
  })
  const apart = Math.abs(Number.parseInt(client.minor, 10) - Number.parseInt(server.minor, 10))
  if (client.major === server.major && apart <= 1) return
  throw new KitError('the kubectl of this machine does not fit the cluster', {
    exitCode: exitCodes.preflight,
    details: [`${kubectl.words[0]} is ${client.gitVersion}, the API server ${server.gitVersion}`],
    hint: `install kubectl ${server.major}.${Number.parseInt(server.minor, 10)}, or set KEYBUZZ_KUBECTL to the one that shall be used all the same`,
  })
}
