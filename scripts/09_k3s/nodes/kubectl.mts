import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { written } from '../../../lib/base/written.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { lastLines } from '../host/last-lines.mts'
import { paths } from '../host/paths.mts'

/** The words that run kubectl on a server itself, with the administrator's kubeconfig of K3s. */
export const kubectlWords = (...words: string[]): string[] => [
  paths.binary,
  'kubectl',
  '--kubeconfig',
  paths.kubeconfig,
  ...words,
]

/**
 * Reads with kubectl on a server.
 * @param what is asked for, for the message: `the pods of k8s-worker-01`
 * @returns what it prints, which may be nothing
 * @throws KitError exit 6 when kubectl fails: that it printed nothing is no answer then; exit 3, 6, 9, 130 or 143, see
 *   Host.read
 */
export async function askKubectl(server: Host, what: string, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await server.read(kubectlWords(...words))
  if (code === 0) return stdout.trim()
  throw new KitError(`${server.name} does not tell ${what}: kubectl failed`, {
    exitCode: exitCodes.unreachable,
    details: [...lastLines(stderr, 3), written()],
    hint: `run the same command again; when it fails again: journalctl -u k3s on ${server.name}`,
  })
}
