import { signature } from '../host/paths.mts'
import type { K3sSettings } from '../settings.mts'
import type { HostDocument } from '../host/document.mts'
import type { Task } from './task.mts'

// Kernel modules and settings: at once, and at every boot of the host.

/** The file from which systemd loads the modules at boot. */
export const modulesFile = '/etc/modules-load.d/keybuzz-k3s.conf'
/** The file with the kernel settings that were too low. */
export const sysctlFile = '/etc/sysctl.d/90-keybuzz-k3s.conf'

const overlays: Readonly<Record<string, readonly string[]>> = {
  vxlan: ['vxlan'],
  'wireguard-native': ['wireguard'],
}

const modulesOf = ({ FLANNEL_BACKEND }: K3sSettings): string[] => [
  'overlay',
  'br_netfilter',
  'nf_conntrack',
  ...(overlays[FLANNEL_BACKEND] ?? []),
]

/**
 * Modules that the network policy controller of K3s uses. Where they cannot be used when K3s starts, NetworkPolicies
 * are not enforced, and only its journal says so. A kernel may have them built in without listing them: none is
 * required.
 */
export const policyModules = ['ip_set', 'xt_set']

/** The least value of each kernel setting, and why. */
export const leastSettings: readonly {
  readonly name: string
  readonly least: number
  readonly why: string
}[] = [
  { name: 'net.ipv4.ip_forward', least: 1, why: 'packets of pods pass through the host' },
  {
    name: 'net.bridge.bridge-nf-call-iptables',
    least: 1,
    why: 'a pod reaches a Service whose pod is its neighbour',
  },
  { name: 'fs.inotify.max_user_instances', least: 512, why: 'every node watches some twenty files' },
  {
    name: 'fs.inotify.max_user_watches',
    least: 65_536,
    why: 'logs and configuration of pods are watched',
  },
  { name: 'fs.file-max', least: 200_000, why: 'open files of all pods' },
  { name: 'kernel.pid_max', least: 32_768, why: 'processes of all pods' },
  { name: 'kernel.keys.root_maxkeys', least: 10_000, why: 'each container takes a key' },
  { name: 'vm.max_map_count', least: 65_530, why: 'databases and search engines' },
]

const file = (path: string, lines: readonly string[]) => ({
  path,
  mode: '0644',
  content: `${[signature, ...lines].join('\n')}\n`,
})

/** The file that loads the modules at every boot, and a command for those that are not loaded. Pure. */
export function moduleWorks(said: HostDocument, settings: K3sSettings): Task[] {
  const wanted = [...modulesOf(settings), ...policyModules.filter((name) => said.has('module', name))]
  const missing = wanted.filter((name) => !said.has('loaded', name))
  return [
    { what: modulesFile, files: [file(modulesFile, wanted)] },
    ...(missing.length === 0
      ? []
      : [{ what: `load ${missing.join(', ')}`, words: ['modprobe', '--all', ...missing] }]),
  ]
}

/**
 * Raises the settings that are too low. The file also keeps those it has raised before; a setting that was high enough
 * without it is left as it is. Pure.
 */
export function sysctlWorks(said: HostDocument): Task[] {
  const seen = (name: string) => Number(said.all('sysctl').find(([key]) => key === name)?.[1] ?? 0)
  const low = leastSettings.filter(({ name, least }) => seen(name) < least)
  const kept = leastSettings.filter((one) => low.includes(one) || said.has('raised', one.name))
  const lines = (some: typeof low) => some.map(({ name, least }) => `${name} = ${least}`)
  return [
    ...(kept.length === 0 ? [] : [{ what: sysctlFile, files: [file(sysctlFile, lines(kept))] }]),
    ...(low.length === 0
      ? []
      : [
          {
            what: `raise ${low.map(({ name, least }) => `${name} to ${least}`).join(', ')}`,
            words: ['sysctl', '--quiet', '--write', ...low.map(({ name, least }) => `${name}=${least}`)],
          },
        ]),
  ]
}
