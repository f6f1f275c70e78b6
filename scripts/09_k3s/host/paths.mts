// Names and paths of K3s and its service on a host.

/** Paths on a host: the defaults of K3s, and those of the kit. */
export const paths = {
  binary: '/usr/local/bin/k3s',
  config: '/etc/rancher/k3s/config.yaml',
  resolvConf: '/etc/rancher/k3s/resolv.conf',
  images: '/var/lib/rancher/k3s/agent/images',
  server: '/var/lib/rancher/k3s/server',
  etcd: '/var/lib/rancher/k3s/server/db/etcd',
  /** K3s': the passwords of servers and agents. Removed, it is made again from etcd at the next start. */
  passwd: '/var/lib/rancher/k3s/server/cred/passwd',
  /** Written by K3s, or by the kit: etcd has removed this server, and its data can no longer be used. */
  tombstone: '/var/lib/rancher/k3s/server/db/etcd/tombstone',
  /** Of an agent that has joined: the servers it knows. */
  balancer: '/var/lib/rancher/k3s/agent/etc/k3s-agent-load-balancer.json',
  kubeconfig: '/etc/rancher/k3s/k3s.yaml',
  etc: '/etc/rancher',
  /** The kit's: the HTTP proxy of K3s, where one is set. */
  proxy: '/etc/rancher/k3s/proxy.env',
  /** Read by K3s when it starts: mirrors of registries. The kit's where a mirror is set; else an operator's, if any. */
  registries: '/etc/rancher/k3s/registries.yaml',
  /** The kit's: who signs the certificate of the mirror. */
  mirrorCa: '/etc/rancher/k3s/keybuzz-mirror-ca.pem',
  /** The kit's: with which binary, configuration and unit the running service was started. */
  started: '/etc/rancher/keybuzz.started',
  /** The kit's: checksums of the binary and of the tarballs, see recordSums. */
  sums: '/etc/rancher/keybuzz.sums',
  /** The kit's: which images each tarball contains, a line `SHA256 IMAGE` each. */
  held: '/etc/rancher/keybuzz.images',
  /** The kit's: this host is being removed from the cluster. */
  leaving: '/etc/rancher/keybuzz.leaving',
  /** The kit's: a script that removes K3s from the host. */
  uninstall: '/usr/local/bin/keybuzz-uninstall-k3s',
  /** Where an uninstall saves the snapshots of etcd. */
  backups: '/var/backups/keybuzz-k3s',
} as const

/** What K3s keeps its database in: etcd, or SQLite. The folder around both may be the mount point of an empty disk. */
export const databases = [paths.etcd, `${paths.server}/db/state.db`]

/** The comment that begins the kit's configuration files and scripts: one without it was written by someone else. */
export const signature = '# Written by the KeyBuzz installer, module 9.'

/** The name of the systemd unit, without `.service`; the same as K3s' own installer uses. */
export const unitOf = (role: 'server' | 'agent'): string => (role === 'server' ? 'k3s' : 'k3s-agent')

/** A systemd timer that starts K3s again after a drill, even when the drill, this machine or the connection fails. */
export const drillUndo = 'keybuzz-drill-undo'

/** The environment file of the unit: an operator sets variables there, and the kit does where SELinux enforces. */
export const environmentOf = (role: 'server' | 'agent'): string => `/etc/default/${unitOf(role)}`

/** The unit file of K3s. */
export const unitPath = (role: 'server' | 'agent'): string => `/etc/systemd/system/${unitOf(role)}.service`
