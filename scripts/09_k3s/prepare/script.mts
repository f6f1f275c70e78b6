import { leastSettings, policyModules, sysctlFile } from './kernel.mts'
import { chainsOf } from './nftables.mts'

// The state of a host that preparation needs to know: lines of the document that preflight reads, and that is read
// again after the changes.

/**
 * Kernel modules looked for on every host. preflightScript repeats the list in the same order, so that gzip packs it
 * well.
 */
export const modules = ['overlay', 'br_netfilter', 'nf_conntrack', 'vxlan', 'wireguard', 'nf_tables']

const names = [...modules, ...policyModules]

/** `net.ipv4.ip_forward` as a path below /proc/sys, as the shell's `sysctls` takes it. Pure. */
export const sysctlPath = (name: string): string => name.replaceAll('.', '/')

const resolver = (path: string, server: string): string =>
  `awk '/^nameserver/ { print "${server}", $2 } /^search/ { print "search", NF - 1; $1 = "domain"; print }' ${path}`

/**
 * POSIX shell: the beginning of every script that reads a host. $1 is the host's private address. Discards stderr,
 * where programs complain about what is missing. `say KEY VALUE` prints nothing for an empty value.
 */
export const prologue = `address=$1
exec 2>/dev/null
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
say() { [ -z "$2" ] || printf '%s %s\\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null; }
sysctls() { (cd /proc/sys && grep -Hs . "$@") | sed 's|/|.|g; s/:/ /; s/^/sysctl /'; }
`

/**
 * POSIX shell, after the prologue: modules, settings, resolver and firewall of the host. A kernel may have vxlan or
 * wireguard built in without listing it: creating a link of that type shows it. The link is never set up, and deleted
 * at once. Where modprobe finds the module no link is created, for that would load it.
 */
export const preparedPart = `kernel=$(uname -r)
listed() { [ -d "/sys/module/$1" ] || grep -qsE "(^|[/[:space:]])$1([. ]|$)" /proc/modules /proc/filesystems "/lib/modules/$kernel/modules.builtin"; }
makes_link() {
  case $1 in vxlan) kind='vxlan id 16777215 dstport 8472' ;; wireguard) kind=$1 ;; *) return 1 ;; esac
  modprobe -nq "$1" && return 1
  ip link delete keybuzz-try
  ip link add keybuzz-try type $kind && ip link delete keybuzz-try
}
for name in ${names.join(' ')}; do
  { listed "$name" || makes_link "$name"; } && say loaded "$name"
done
[ -d /proc/sys/net/bridge ] && say loaded br_netfilter
[ -e /proc/net/stat/nf_conntrack ] && say loaded nf_conntrack
sysctls ${leastSettings.map(({ name }) => sysctlPath(name)).join(' ')}
awk '$2 == "=" { print "raised", $1 }' ${sysctlFile}
${resolver('/etc/resolv.conf', 'nameserver')}
${resolver('/run/systemd/resolve/resolv.conf', 'upstream')} | grep '^upstream'
has ufw && iptables -nL ufw-user-input >/dev/null && say ufw active && ufw show added | sed -n 's/^ufw /ufwrule /p'
if has firewall-cmd && systemctl is-active --quiet firewalld; then
  device=$(ip -o -4 addr show to "$address" | awk '{ print $2 }')
  zone=$(firewall-cmd --get-zone-of-interface="$device" || firewall-cmd --get-default-zone)
  say zone "$zone"
  for kind in runtime permanent; do
    kept=\${kind#runtime}
    firewall-cmd \${kept:+--permanent} --zone="$zone" --list-rich-rules | sed "s/^/rich $kind /"
    for source in $(firewall-cmd \${kept:+--permanent} --zone=trusted --list-sources); do say trusted "$kind $source"; done
  done
fi
has nft && nft list ruleset | awk '${chainsOf}'
`

/** Reads the state of a host again after the changes; its output is for parseDocument. */
export const preparedScript = `${prologue}${preparedPart}say end 1
`
