import { isIPv4 } from 'node:net'
import { paths, signature } from '../host/paths.mts'
import type { HostDocument } from '../host/document.mts'
import type { Task } from './task.mts'

/** True for a loopback address: a resolver on the host itself, which pods cannot reach. */
export const isLoop = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** Link-local addresses at which clouds offer DNS; pods reach no other link-local address. */
const ofClouds = ['169.254.169.253', '169.254.169.254']

/**
 * True for a name server that pods can reach: pods have IPv4 addresses only, and K3s itself accepts no loopback,
 * link-local or multicast address in a resolv.conf. Pure.
 */
export const isUsable = (address: string): boolean =>
  isIPv4(address) && (ofClouds.includes(address) || !/^(0|127|169\.254|22[4-9]|23\d|2[45]\d)\./.test(address))

/**
 * The name servers for pods, at most three, as a resolver uses no more. A stub resolver on the host is left out: the
 * cluster DNS would query itself. IPv6 servers, which would take the places of usable ones, are used only where there
 * is no other. Pure.
 */
export function nameServersOf(said: HostDocument): string[] {
  const all = (key: string) => said.all(key).map(([address = '']) => address)
  const [own, upstream] = [all('nameserver'), all('upstream')]
  const some = (right: (address: string) => boolean) =>
    [own, upstream].map((all) => all.filter(right)).find((found) => found.length > 0)
  const real = some(isUsable) ?? some((one) => !isLoop(one))
  return (real ?? own).slice(0, 3)
}

/** The resolv.conf of the kubelet; the one of the host is never changed. Pure. */
export function resolvConfTasks(said: HostDocument): Task[] {
  const domains = [...new Set(said.all('domain').flat())].filter((one) => one !== '.')
  const lines = [
    signature,
    ...nameServersOf(said).map((address) => `nameserver ${address}`),
    ...(domains.length === 0 ? [] : [`search ${domains.join(' ')}`]),
  ]
  const file = { path: paths.resolvConf, mode: '0644', content: `${lines.join('\n')}\n` }
  return [{ what: paths.resolvConf, files: [file] }]
}
