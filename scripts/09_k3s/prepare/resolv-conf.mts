import { paths, signature } from '../host/paths.mts'
import type { HostDocument } from '../host/document.mts'
import type { Task } from './task.mts'

const isLoop = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** Name servers pods can reach too: a stub on the host itself would make the cluster DNS ask itself. Pure. */
export function nameServersOf(said: HostDocument): string[] {
  const all = (key: string) => said.all(key).map(([address = '']) => address)
  const [own, upstream] = [all('nameserver'), all('upstream')]
  const real = [own, upstream]
    .map((some) => some.filter((one) => !isLoop(one)))
    .find((some) => some.length > 0)
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
