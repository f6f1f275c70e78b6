import { isIPv4 } from 'node:net'
import { paths, signature } from '../host/paths.mts'
import type { HostDocument } from '../host/document.mts'
import type { Task } from './task.mts'

export const isLoop = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** Where clouds answer for names in the range of one link, which else no pod reaches. */
const ofClouds = ['169.254.169.253', '169.254.169.254']

/**
 * True for a name server that pods reach: they have IPv4 addresses only, and K3s itself takes none that is the host's
 * own or of one link. Pure.
 */
export const isUsable = (address: string): boolean =>
  isIPv4(address) && (ofClouds.includes(address) || !/^(0|127|169\.254|22[4-9]|23\d|2[45]\d)\./.test(address))

/**
 * The name servers of pods: a stub on the host itself would make the cluster DNS ask itself. Those with IPv6 take
 * places of the three that are ever asked; they stay only where there is no other. Pure.
 */
export function nameServersOf(said: HostDocument): string[] {
  const all = (key: string) => said.all(key).map(([address = '']) => address)
  const [own, upstream] = [all('nameserver'), all('upstream')]
  const some = (right: (address: string) => boolean) =>
    [own, upstream].map((all) => all.filter(right)).find((found) => found.length > 0)
  const real = some(isUsable) ?? some((one) => !isLoop(one))
  return (real ?? own).slice(0, 3)
}

/** The kubelet’s own resolv.conf; the host’s is never touched. Pure. */
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
