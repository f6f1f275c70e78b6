import { leastSettings, policyModules, sysctlFile } from './kernel.mts'
import { chainsOf } from './nftables.mts'

// How a host stands that is to be prepared: lines for the document preflight reads, and read again when it is done.

/** What every host is asked for; its order is that of the other question about modules: a list sent twice packs well. */
export const modules = ['overlay', 'br_netfilter', 'nf_conntrack', 'vxlan', 'wireguard', 'nf_tables']

const names = [...modules, ...policyModules]

const resolver = (path: string, server: string): string =>
  `awk '/^nameserver/ { print "${server}", $2 } /^search/ { print "search", NF - 1; $1 = "domain"; print }' ${path}`

/**
 * POSIX shell: what every script that asks a host begins with. $1 is the host's private address. What a program says of
 * something that is not there is no answer, and is dropped here once.
 */
export const prologue = `address=$1
exec 2>/dev/null
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
say() { [ -z "$2" ] || printf '%s %s\\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null; }
sysctls() {
  for name; do
    file=/proc/sys/$(echo "$name" | tr . /)
    [ -r "$file" ] && say sysctl "$name $(cat "$file")"
  done
}
`

/**
 * After the prologue. A kernel may have an overlay built in and list it nowhere: a link of that kind tells, which is
 * never up and goes at once. Where modprobe knows the module none is made, for that would load it.
 */
export const preparedPart = `listed() { [ -d "/sys/module/$1" ] || grep -qs "^$1 " /proc/modules || grep -qsw "$1" /proc/filesystems || grep -qs "/$1.ko" "/lib/modules/$(uname -r)/modules.builtin"; }
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
sysctls ${leastSettings.map(({ name }) => name).join(' ')}
awk '$2 == "=" { print "raised", $1 }' ${sysctlFile}
${resolver('/etc/resolv.conf', 'nameserver')}
${resolver('/run/systemd/resolve/resolv.conf', 'upstream')} | grep '^upstream'
has ufw && say ufw "$(ufw status | awk 'NR == 1 { print $2 }')" && ufw show added | sed -n 's/^ufw /ufwrule /p'
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

/** Asked again after the writes. */
export const preparedScript = `${prologue}${preparedPart}say end 1
`
