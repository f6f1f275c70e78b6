import { passed } from '../../../lib/checks/checks.mts'
import { must, type HostCheck, type HostFacts } from './check.mts'
import { netfilter } from './script.mts'

// Modules the kernel must have, loaded or not: overlayfs, packet filters, the network between nodes.

const fullKernel =
  'on a small cloud image install the full kernel or linux-modules-extra, on RHEL dnf install kernel-modules-extra, then reboot'

const module = (
  name: string,
  why: string,
  { waivable = false, when = () => true }: { waivable?: boolean; when?: (host: HostFacts) => boolean } = {},
): HostCheck => ({
  id: `host.module-${name.replaceAll('_', '-')}`,
  title: `The kernel has ${name}: ${why}`,
  fix: `modprobe ${name}; where it is not found: ${fullKernel}`,
  waivable,
  ask(host) {
    if (!when(host)) return passed('not needed')
    const there = host.said.has('loaded', name) || host.said.has('module', name) || tried(name, host)
    return must(there, there ? 'there' : 'not found')
  },
})

/** True when iptables lists rules, which shows that nf_tables works whether or not the module is listed. */
function tried(name: string, { said }: HostFacts): boolean {
  return name === 'nf_tables' && said.has('rule', '-P')
}

export const kernelModules: readonly HostCheck[] = [
  module('overlay', 'layers of images'),
  module('br_netfilter', 'Services for pods of one node'),
  module('nf_conntrack', 'Services'),
  module('nf_tables', 'packet filters', {
    waivable: true,
    when: ({ said }) => said.one('iptables')?.includes('nf_tables') === true,
  }),
  {
    id: 'host.module-netfilter',
    title: 'The kernel has what the rules of kube-proxy, flannel and kube-router are made of',
    fix: fullKernel,
    waivable: true,
    onlyBare: true,
    ask: ({ said }) => {
      // On a kernel without a list of its modules nothing is known; K3s itself reports what is missing.
      if (!said.has('module')) return passed('no list of modules')
      const missing = netfilter.filter((name) => !said.has('module', name))
      return must(missing.length === 0, missing.length === 0 ? 'there' : `not found: ${missing.join(', ')}`)
    },
  },
  module('vxlan', 'the overlay between nodes', {
    when: ({ settings }) => settings.FLANNEL_BACKEND === 'vxlan',
  }),
  module('wireguard', 'the overlay between nodes', {
    when: ({ settings }) => settings.FLANNEL_BACKEND === 'wireguard-native',
  }),
]
