import { drillUndo, paths, unitOf } from '../host/paths.mts'
import { modulesFile, sysctlFile } from '../prepare/kernel.mts'
import { firewallScript, firewallUnit } from '../prepare/nftables.mts'
import { endPods, podFunctions } from './end-pods.mts'

// Removes K3s from a machine. The script is written to each host at its installation, so that it can be used without
// the kit. Run again after an interruption, it completes what it began.

const units = [unitOf('server'), unitOf('agent')].join(' ')

/**
 * The text of the uninstall script, POSIX shell; run by the kit, or by hand with the machine's own name as argument. It
 * contains no secret. Pure.
 * @param pods the range of the pods
 */
export const uninstallScript = (pods: string): string => `#!/bin/sh
# Written by the KeyBuzz installer, module 9. Takes K3s off this machine with all its data: pods, volumes, database.
# Snapshots of the database are kept in ${paths.backups}. Run it only on a machine that has left its cluster.
set -eu
# su on Debian and sudo on RHEL leave half of these out.
export PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
warn() { echo "$*" >&2; }
name=$(uname -n)
[ "\${1:-}" = "$name" ] || { echo "to take K3s and its data off this machine: $0 $name" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo 'only root may do this' >&2; exit 1; }

mkdir -p ${paths.etc}
: >${paths.leaving}
# A drill that was killed has left it, and it would start K3s again.
systemctl stop ${drillUndo}.timer 2>/dev/null || :
for unit in ${units}; do
  [ ! -e /etc/systemd/system/$unit.service ] || systemctl disable --quiet --now $unit
done

# Before anything is unmounted: the database may be on a disk of its own.
if [ -n "$(ls ${paths.server}/db/snapshots 2>/dev/null)" ]; then
  mkdir -p -m 0700 ${paths.backups}
  cp -a ${paths.server}/db/snapshots/. ${paths.backups}/
  sync ${paths.backups}
fi

${podFunctions}
${endPods}

# What kubelet and containerd mounted, and what is no local disk: a disk of the operator's stays where it is. One that
# does not answer (NFS) is waited for once; detached later, it still gets what was written.
below='^/(run/k3s|var/lib/rancher/k3s|var/lib/kubelet|run/netns/cni-[^/]*)(/|$)'
theirs='^/(run/|var/lib/kubelet/(pods|plugins)/.|var/lib/rancher/k3s/agent/containerd/[^/]+/.)'
disk=' - (ext[234]|xfs|btrfs|zfs|f2fs|bcachefs) '
mounts() { awk -v below="$below" -v theirs="$theirs" -v disk="$disk" '$5 ~ below && ($5 ~ theirs || ($0 !~ disk && $5 !~ "^/var/lib/(rancher/k3s|kubelet)$")) { print $5 }' /proc/self/mountinfo | sort -ru; }
seconds=10
for mount in $(mounts); do
  timeout -s KILL $seconds umount "$mount" 2>/dev/null || { [ $? != 137 ] || seconds=1; timeout -s KILL 10 umount --lazy "$mount" 2>/dev/null; } || :
done
[ -z "$(mounts)" ] || { echo "still mounted: $(mounts)" >&2; exit 1; }

for namespace in /run/netns/cni-*; do [ ! -e "$namespace" ] || rm -f "$namespace"; done
for link in $(ip -o link show master cni0 2>/dev/null | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/') cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do
  # One whose pod has just ended goes by itself, also between a look and the deletion.
  [ ! -e "/sys/class/net/$link" ] || ip link delete "$link" 2>/dev/null || [ ! -e "/sys/class/net/$link" ] || warn "the interface $link stays"
done
ip route flush root ${pods} || warn 'routes to ${pods} stay'
# What a packet filter refuses is told, and stops nothing: data and tokens must go. A host may have neither iptables nor
# ipset of its own: K3s brings both, below the data that goes further down.
for tools in /var/lib/rancher/k3s/data/*/bin /var/lib/rancher/k3s/data/*/bin/aux; do [ ! -d "$tools" ] || PATH=$PATH:$tools; done
for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null) || warn "$tables-save failed: rules of K3s may stay"
  case $rules in *KUBE-* | *CNI-* | *[fF][lL][aA][nN][nN][eE][lL]*) printf '%s\\n' "$rules" | sed -e '/KUBE-/d' -e '/CNI-/d' -e '/flannel/Id' | $tables-restore || warn "rules of K3s stay in $tables, until the next start of the machine" ;; esac
done
if command -v ipset >/dev/null; then
  for set in $(ipset list -n 2>/dev/null | grep -iE '^(KUBE-|inet6:KUBE-)'); do ipset destroy "$set" || warn "the set $set stays"; done
fi
if command -v nft >/dev/null; then
  nft list tables 2>/dev/null | grep -iE 'kube|k3s|flannel' | while read -r _ family table; do nft delete table "$family" "$table" || warn "the table $family $table stays"; done
fi

inside() { awk -v folder="$1" '$5 == folder || index($5, folder "/") == 1 { print $5 }' /proc/self/mountinfo | sort -ru; }
for folder in /var/lib/rancher/k3s /var/lib/kubelet /var/lib/cni /run/k3s /run/flannel /var/log/pods /var/log/containers ${paths.etc}/k3s ${paths.etc}/node; do
  [ -d $folder ] || continue
  # A disk of its own stays, empty.
  disks=$(inside $folder)
  for place in $disks $folder; do
    find $place -xdev -mindepth 1 ! -type d -delete
    find $place -xdev -depth -mindepth 1 -type d -exec rmdir {} + 2>/dev/null || :
  done
  [ -n "$disks" ] || rmdir $folder
done
for link in kubectl crictl ctr; do
  [ "$(readlink /usr/local/bin/$link)" != k3s ] && [ "$(readlink /usr/local/bin/$link)" != ${paths.binary} ] || rm -f /usr/local/bin/$link
done
# What its preparation wrote; what is loaded and set stays so until the machine starts anew.
if [ -x ${firewallScript} ]; then
  systemctl disable --quiet --now keybuzz-firewall || warn 'keybuzz-firewall.service could not be stopped'
  ${firewallScript} remove || warn 'the chains keybuzz_input and keybuzz_forward stay: nft list ruleset'
fi
if command -v ufw >/dev/null; then
  ufw show added 2>/dev/null | sed -n "s/^ufw \\(.*\\) comment 'keybuzz'$/\\1/p" | while read -r rule; do
    case $rule in 'route '*) ufw route delete \${rule#route } ;; *) ufw delete $rule ;; esac </dev/null || warn "ufw: $rule stays"
  done
fi
rm -f ${firewallScript} ${firewallUnit} ${modulesFile} ${sysctlFile}
for unit in ${units}; do
  if [ -f /etc/default/$unit ]; then sed -i '/^K3S_SELINUX=true$/d' /etc/default/$unit; fi
  rm -rf /etc/systemd/system/$unit.service /etc/systemd/system/$unit.service.env /run/systemd/system/$unit.service.d
done
systemctl daemon-reload
for unit in ${units}; do systemctl reset-failed $unit 2>/dev/null || :; done
rm -f ${paths.binary} ${paths.started} ${paths.held} ${paths.held}.new ${paths.sums} ${paths.sums}.new ${paths.leaving} ${paths.uninstall}
rmdir ${paths.etc} 2>/dev/null || :
# Its rules carry no name of ours; a source of this zone may do everything.
if command -v firewall-cmd >/dev/null && sources=$(firewall-cmd --permanent --zone=trusted --list-sources 2>/dev/null) && [ -n "$sources" ]; then
  warn "firewalld still trusts $sources:"
  for source in $sources; do
    warn "  firewall-cmd --permanent --zone=trusted --remove-source=$source; firewall-cmd --zone=trusted --remove-source=$source"
  done
fi
`
