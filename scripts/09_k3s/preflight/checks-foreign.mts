import { passed } from '../../../lib/checks/checks.mts'
import { must, should, type HostCheck } from './check.mts'
import { k3sPaths } from './script.mts'

// Clusters that the kit did not install, and what they left behind.

/** A check for another Kubernetes. It may contain data, so it cannot be waived. */
const foreign = (
  id: string,
  what: string,
  units: readonly string[],
  programs: readonly string[],
  paths: readonly string[],
): HostCheck => ({
  id,
  title: `No ${what} is on the host`,
  fix: `use another machine, or take ${what} off it by its own uninstall`,
  waivable: false,
  ask({ said }) {
    const seen = [
      ...units.filter((one) => said.has('unit', one)),
      ...programs.filter((one) => said.has('program', one)),
      ...paths.filter((one) => said.has('leftover', one)),
    ]
    return must(seen.length === 0, seen.join(', ') || 'none')
  },
})

export const foreigners: readonly HostCheck[] = [
  foreign(
    'host.no-kubeadm',
    'Kubernetes of kubeadm',
    ['kubelet'],
    ['kubeadm', 'kubelet'],
    ['/etc/kubernetes'],
  ),
  foreign(
    'host.no-rke2',
    'RKE2',
    ['rke2-server', 'rke2-agent'],
    ['rke2'],
    ['/etc/rancher/rke2', '/var/lib/rancher/rke2'],
  ),
  foreign('host.no-k0s', 'k0s', ['k0scontroller', 'k0sworker'], ['k0s'], ['/etc/k0s', '/var/lib/k0s']),
  foreign(
    'host.no-microk8s',
    'MicroK8s',
    ['snap.microk8s.daemon-kubelite'],
    ['microk8s'],
    ['/var/snap/microk8s'],
  ),
  {
    id: 'host.no-other-k3s',
    title: 'No K3s is there that the kit did not install',
    fix: 'a cluster that shall stay: only --verify, with its kubeconfig; else k3s-uninstall.sh or k3s-agent-uninstall.sh',
    waivable: false,
    ask({ said }) {
      if (said.has('ours')) return passed('our own')
      const seen = k3sPaths.filter((path) => said.has('leftover', path))
      return must(seen.length === 0, seen.join(', ') || 'none')
    },
  },
  {
    id: 'host.no-drop-ins',
    title: 'No drop-in changes the configuration of K3s',
    fix: 'remove /etc/rancher/k3s/config.yaml.d: servers must not differ',
    waivable: false,
    ask: ({ said }) =>
      must(
        !said.has('leftover', '/etc/rancher/k3s/config.yaml.d'),
        said.has('leftover', '/etc/rancher/k3s/config.yaml.d') ? 'there' : 'none',
      ),
  },
  {
    id: 'host.no-etcd',
    title: 'No other etcd keeps data here',
    fix: 'move /var/lib/etcd away, when it is not needed',
    waivable: true,
    ask: ({ said }) =>
      must(
        !said.has('leftover', '/var/lib/etcd'),
        said.has('leftover', '/var/lib/etcd') ? '/var/lib/etcd' : 'none',
      ),
  },
  {
    id: 'host.no-kubelet-data',
    title: 'No kubelet has left pods here',
    fix: 'umount what is below /var/lib/kubelet, then remove it',
    waivable: true,
    ask: ({ said }) =>
      should(
        said.has('ours') || !said.has('leftover', '/var/lib/kubelet'),
        said.has('leftover', '/var/lib/kubelet') ? '/var/lib/kubelet' : 'none',
      ),
  },
  {
    id: 'host.no-cni',
    title: 'No other pod network is configured',
    fix: 'remove the files of /etc/cni/net.d',
    waivable: true,
    ask: ({ said }) =>
      should(
        !said.has('leftover', '/etc/cni/net.d'),
        said.has('leftover', '/etc/cni/net.d') ? '/etc/cni/net.d' : 'none',
      ),
  },
  {
    id: 'host.no-chains',
    title: 'No rules of another Kubernetes are in the packet filter',
    fix: 'reboot the host: they vanish with it',
    waivable: true,
    ask: ({ said }) =>
      should(said.has('ours') || !said.has('chains'), said.has('chains') ? 'chains KUBE-*' : 'none'),
  },
]
