import { addressesPart, joinedPart } from '../host/joined.mts'
import { databases, paths, signature } from '../host/paths.mts'
import { policyModules } from '../prepare/kernel.mts'
import { modules, preparedPart, prologue, sysctlPath } from '../prepare/script.mts'

// What is read of a host before it is changed: one POSIX script, one round trip, one document of `KEY VALUE` lines. It
// only reads, except for a test file on the disk and a network link of the overlay's type, both deleted again.

/** Kernel modules that the rules of kube-proxy, flannel and kube-router need. */
export const netfilter = [
  ...policyModules,
  ...['comment', 'conntrack', 'addrtype', 'multiport', 'statistic', 'mark', 'MASQUERADE'].map(
    (one) => `xt_${one}`,
  ),
]

const sysctls = ['net.ipv4.conf.all.rp_filter', 'vm.panic_on_oom']

/** Commands that the kit or K3s runs on a host. */
export const tools = [
  'awk',
  'sed',
  'sha256sum',
  'stat',
  'flock',
  'journalctl',
  'curl',
  'ip',
  'ss',
  'mount',
  'nsenter',
  'perl',
]

const units = [
  'kubelet',
  'rke2-server',
  'rke2-agent',
  'k0scontroller',
  'k0sworker',
  'snap.microk8s.daemon-kubelite',
  'docker',
  'fail2ban',
  'nftables',
]

/** Paths that exist where K3s is installed, by the kit or not. */
export const k3sPaths = [
  '/etc/rancher/k3s/config.yaml',
  '/etc/systemd/system/k3s.service',
  '/etc/systemd/system/k3s-agent.service',
  ...databases,
]

const leftovers = [
  '/etc/kubernetes',
  '/var/lib/kubelet',
  '/var/lib/etcd',
  '/etc/cni/net.d',
  '/etc/rancher/rke2',
  '/var/lib/rancher/rke2',
  '/var/snap/microk8s',
  '/etc/k0s',
  '/var/lib/k0s',
  '/etc/rancher/k3s/config.yaml.d',
  ...k3sPaths,
]

/**
 * The text of the script. $1 is the host's private address. It also runs without root, for the check of the uid. sudo
 * removes SSH_CONNECTION from the environment, so it is read from a parent process. Kept short and with few processes:
 * every run sends it to every host. The clock is synchronized where adjtimex tells an error below 16 s, as timedatectl
 * has it (systemd, `ntp_synced`), which would start a service.
 */
export const preflightScript = `${prologue}say time "$(date +%s.%N)"
above=$$
while [ "$above" -gt 1 ] && [ -z "$client" ]; do
  client=$(tr '\\0' '\\n' <"/proc/$above/environ" | sed -n 's/^SSH_CONNECTION=\\([^ ]*\\).*/\\1/p')
  above=$(awk '/^PPid/ { print $2 }' "/proc/$above/status")
done
say client "$client"
say uid "$(id -u)"
[ -r /etc/os-release ] && . /etc/os-release
say os "$ID $VERSION_ID"
arch=$(uname -m)
say arch "$arch"
say kernel "$(uname -r)"
say cpus "$(nproc)"
awk '/^MemTotal|^MemAvailable/ { sub(":", ""); print tolower($1), $2 }' /proc/meminfo
awk 'NR > 1 { print "swap", $1, $3 }' /proc/swaps
say init "$(cat /proc/1/comm)"
say systemd "$(systemctl --version | awk 'NR == 1 { print $2 }')"
say state "$(systemctl is-system-running)"
say virt "$(systemd-detect-virt)"
[ -e /run/reboot-required ] && say reboot "$(head -n 3 /run/reboot-required.pkgs | tr '\\n' ' ')required"
for path in data:/var/lib/rancher/k3s/agent/containerd kubelet:/var/lib/kubelet db:/var/lib/rancher/k3s/server/db; do
  key=\${path%:*} path=\${path#*:}
  while [ ! -d "$path" ]; do path=\${path%/*}; done
  say $key "$path"
  places="$places $path" db=$path
done
for path in / /usr/local/bin /etc; do [ -e "$path" ] && places="$places $path"; done
df -k --output=iavail,avail,target $places | awk -v n="$places" 'BEGIN { split(n, p) }
  FILENAME ~ /mounts/ { f[$2] = $3 " " $4; next }
  NR > 1 { q = p[NR - 1]; m[q] = $3; print "inodes", q, $1; print "disk", q, $2, $3 }
  END { for (q in m) print "mount", q, f[m[q]] }' - /proc/mounts
probe=$(mktemp -d "$db/.keybuzz-probe.XXXXXX") && {
  trap 'rm -rf "$probe"' EXIT
  begin=$(date +%s%N)
  timeout -s INT 2 dd if=/dev/zero of="$probe/file" bs=2300 count=100 oflag=dsync 2>"$probe/said"
  end=$(date +%s%N)
  written=$(awk '/records out/ { split($1, part, "+"); print part[1] }' "$probe/said")
  [ "\${written:-0}" -gt 0 ] && say fsync "$(( (end - begin) / 1000 / written ))"
}
for name in ${[...modules, ...netfilter].join(' ')}; do { [ -d "/sys/module/$name" ] || modprobe -nq "$name"; } && say module "$name"; done
sysctls ${sysctls.map(sysctlPath).join(' ')}
if [ -r /sys/fs/cgroup/cgroup.controllers ]; then say cgroup "2 $(cat /sys/fs/cgroup/cgroup.controllers)"
else say cgroup "1 $(awk 'NR > 1 && $4 == 1 { printf "%s ", $1 }' /proc/cgroups)"; fi
[ -r /sys/module/apparmor/parameters/enabled ] && say apparmor "$(cat /sys/module/apparmor/parameters/enabled) $(has apparmor_parser && echo parser)"
has getenforce && say selinux "$(getenforce) $(ls /usr/share/selinux/packages/k3s.pp*)"
[ -r /proc/sys/kernel/seccomp/actions_avail ] && say seccomp yes
case $arch in aarch64) call=171 ;; *) call=159 ;; esac
say ntp "$(perl -e 'print syscall(shift, $t = pack("x208")) >= 0 && unpack("x24q", $t) < 16e6 ? "yes" : "no"' $call)"
say hostname "$(hostname)"
say machineid "$(cat /etc/machine-id)"
say product "$(cat /sys/class/dmi/id/product_uuid)"
awk '{ print "hostkey", $2 }' /etc/ssh/ssh_host_*_key.pub
awk -v n="$(hostname)" '!/^#/ { for (i = 2; i <= NF; i++) if ($i == n) print "hosts", $1 }' /etc/hosts
${addressesPart}
ip -o link show | awk -F'[ :@]+' '{ for (i = 3; i < NF; i++) { if ($i == "mtu") m = $(i + 1); if ($i == "state") s = $(i + 1) } print "link", $2, m, s }'
ip -4 route show | sed 's/^/route /'
ss -Hlntup | sort -k 7 | while read -r protocol _ _ _ local _ process; do
  pid=\${process#*pid=} pid=\${pid%%,*} who=\${process#*\\"}
  [ "$pid" = "$last" ] || program=$(readlink "/proc/$pid/exe") last=$pid
  case $program in /usr/local/bin/k3s* | /var/lib/rancher/k3s/*) who=k3s ;; */node_exporter) grep -q kubepods "/proc/$pid/cgroup" && who=pod ;; esac
  say port "$protocol \${local##*:} \${who%%\\"*}"
done | sort -u
systemctl is-active ${units.join(' ')} | awk -v n='${units.join(' ')}' 'BEGIN { split(n, u) } $1 == "active" { print "unit", u[NR] }'
systemctl is-enabled --quiet nm-cloud-setup nm-cloud-setup.timer && say unit nm-cloud-setup
grep -hs '^flush ruleset' /etc/nftables.conf /etc/sysconfig/nftables.conf
has firewall-cmd && systemctl is-active --quiet firewalld && say firewalld "$(firewall-cmd --version) $(grep ^FirewallB /etc/firewalld/firewalld.conf)"
grep -hs '^ *Unattended-Upgrade::Automatic-Reboot ' /etc/apt/apt.conf.d/*
say iptables "$(iptables -V | awk '{ print $2, $3 }')"
iptables -S | sed -n 's/^-[AP] [IF][NO]/rule &/p'
ours=$(grep -ls '${signature}' ${paths.config})
say ours "$ours"
if [ -z "$ours" ] && { iptables-save; nft list ruleset; } | grep -qE ':KUBE-|chain KUBE-| kube-proxy'; then say chains KUBE; fi
lsattr /etc/resolv.conf | awk '$1 ~ /i/ { print "immutable /etc/resolv.conf" }'
for name in http_proxy https_proxy no_proxy; do
  eval "value=\\$$name"; [ -n "$value" ] || value=$(sed -n "s/^$name=//Ip" /etc/environment | tail -n 1)
  [ -n "$value" ] && say proxy "$name $(echo "$value" | sed -E 's|^([a-z0-9]+://)?.*@|\\1***@|')"
done
for path in ${leftovers.join(' ')}; do [ -e "$path" ] && ls -A "$path" | grep -qvx lost+found && say leftover "$path"; done
for name in kubeadm kubelet rke2 k0s microk8s; do has "$name" && say program "$name"; done
say registries "$(grep -Ls '${signature}' ${paths.registries})"
${joinedPart}for name in ${tools.join(' ')}; do has "$name" || say missing "$name"; done
case ":$PATH:" in *:/usr/local/bin:*) ;; *) say path missing ;; esac
say nofile "$(ulimit -n)"
say journal "$([ -d /var/log/journal ] && echo persistent || echo volatile)"
fuser /var/lib/dpkg/lock-frontend >/dev/null && say dpkg locked
${preparedPart}say ended "$(date +%s.%N)"
say end 1
`
