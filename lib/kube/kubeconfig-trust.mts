import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { say } from '../base/log.mts'
import { isLoopback } from '../base/loopback.mts'
import { shortened } from '../base/sensitive.mts'
import type { Endpoint, Kubeconfig } from './kubeconfig.mts'

/**
 * Requires that every endpoint is authenticated by TLS before kubectl sends it a credential, and says which login
 * program kubectl will start. A loopback address, such as a tunnel that begins on this machine, is accepted.
 * @param path of the kubeconfig, for messages
 * @throws KitError exit 7 for `insecure-skip-tls-verify` or `http://` in any context that the kit may use
 */
export function requireTrusted(path: string, { endpoints, loginProgram }: Kubeconfig): void {
  const shown = shownPath(path)
  for (const endpoint of endpoints) {
    const why = problemOf(endpoint)
    if (why === undefined) continue
    throw new KitError(`the kubeconfig would send its credentials to whoever answers: ${why}`, {
      exitCode: exitCodes.trust,
      details: [`${shown}, context ${shortened(endpoint.context, 80)}`, 'No credential was sent there.'],
      hint: `in ${shown} let server begin with https:// and put the CA of the cluster into certificate-authority-data in place of insecure-skip-tls-verify: /etc/rancher/k3s/k3s.yaml of a master has it`,
    })
  }
  if (loginProgram !== undefined)
    say(`${shown} logs in by a program of this machine: ${shortened(loginProgram, 120)}`)
}

/** Why an endpoint is not authenticated, or undefined. Through a proxy a loopback address is not this machine. */
function problemOf({ server, insecure, proxied }: Endpoint): string | undefined {
  const url = new URL(server)
  if (proxied !== true && isLoopback(url.hostname)) return undefined
  const shown = shortened(url.host, 120)
  if (url.protocol !== 'https:') return `http:// to ${shown} is not encrypted`
  return insecure === true ? `insecure-skip-tls-verify takes any certificate of ${shown}` : undefined
}
