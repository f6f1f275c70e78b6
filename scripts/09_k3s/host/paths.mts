// Names and places K3s and its service have on a host.

/** Where K3s keeps what; the real one's own places. */
export const paths = {
  binary: '/usr/local/bin/k3s',
  config: '/etc/rancher/k3s/config.yaml',
  resolvConf: '/etc/rancher/k3s/resolv.conf',
  images: '/var/lib/rancher/k3s/agent/images',
  server: '/var/lib/rancher/k3s/server',
  etcd: '/var/lib/rancher/k3s/server/db/etcd',
  /** Laid by K3s, or by the kit: etcd has put this server out, and its database is of no use. */
  tombstone: '/var/lib/rancher/k3s/server/db/etcd/tombstone',
  /** Of an agent: the servers it knows of, since it has joined. */
  balancer: '/var/lib/rancher/k3s/agent/etc/k3s-agent-load-balancer.json',
  kubeconfig: '/etc/rancher/k3s/k3s.yaml',
  etc: '/etc/rancher',
  /** Ours: the proxy K3s goes through, where one is set. */
  proxy: '/etc/rancher/k3s/proxy.env',
  /** Ours: which binary, configuration and unit the running service was started with. */
  started: '/etc/rancher/keybuzz.started',
  /** Ours: which images each tarball holds, `SHA256 IMAGE` a line. */
  held: '/etc/rancher/keybuzz.images',
  /** Ours: this host is on its way out of the cluster. */
  leaving: '/etc/rancher/keybuzz.leaving',
  /** Ours: takes K3s off the host again. */
  uninstall: '/usr/local/bin/keybuzz-uninstall-k3s',
  /** Where an uninstall keeps the snapshots of the database. */
  backups: '/var/backups/keybuzz-k3s',
} as const

/** The beginning of every file of ours: what does not begin so is somebody else's. */
export const signature = '# Written by the KeyBuzz installer, module 9.'

/** The name of the unit, as K3s' own installer calls it. */
export const unitOf = (role: 'server' | 'agent'): string => (role === 'server' ? 'k3s' : 'k3s-agent')

/** What an operator sets for the service by hand, and the kit where SELinux enforces. */
export const environmentOf = (role: 'server' | 'agent'): string => `/etc/default/${unitOf(role)}`

export const unitPath = (role: 'server' | 'agent'): string => `/etc/systemd/system/${unitOf(role)}.service`
