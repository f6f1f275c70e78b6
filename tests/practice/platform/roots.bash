# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# The outer machine's packages, and the Debian roots the machines stand on: made once, kept in the cache.

# What up needs, as package:command, so that a second look costs nothing.
readonly outer_needs=(
  systemd-container:systemd-nspawn mmdebstrap:mmdebstrap iproute2:ip openssh-client:ssh-keygen util-linux:nsenter
  python3:python3 python3-pip:pip3
)
# Bare on purpose: no containerd, no runc, nothing a preflight would have to forgive.
readonly base_packages=systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,nftables,ca-certificates,conntrack,kmod,procps,curl,iputils-ping,sudo
readonly node_packages=$base_packages,ufw,firewalld
readonly backend_packages=$base_packages,postgresql,redis-server,rabbitmq-server

# The address comes from a unit of our own: with /sys writable systemd-networkd would wait for udev for ever.
# shellcheck disable=SC2016 # systemd expands it
readonly address_unit='[Unit]
Description=Address on the practice bridge
DefaultDependencies=no
Before=network-pre.target network.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/practice-address
ExecStart=/usr/sbin/ip link set host0 up
ExecStart=/usr/sbin/ip address replace ${ADDRESS}/24 dev host0
ExecStart=/usr/sbin/ip route replace default via ${GATEWAY}

[Install]
WantedBy=multi-user.target
'

# Units that would reach through to the outer kernel (sysctl, binfmt, modules), or to an outside that is not there.
readonly masked_units=(
  systemd-sysctl systemd-binfmt systemd-modules-load systemd-networkd console-getty
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
)

# As the operator's base system sets it: few sessions, few tries, no tunnels, no passwords.
readonly sshd_settings='PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxSessions 4
MaxAuthTries 3
AllowTcpForwarding no
HostKey /etc/ssh/ssh_host_ed25519_key
'

install_outer_packages() {
  local need missing=()
  for need in "${outer_needs[@]}"; do
    command -v "${need#*:}" >/dev/null || missing+=("${need%%:*}")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || fail "missing programs: ${missing[*]}" 'install these packages' 3
  timed "install ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install $*" 'look at its last lines above'
  fi
  rm -f "$log"
}

# root_of MACHINE: where its root lies in the cache. Named by what it is made of, so that a changed recipe is another root.
root_of() {
  if [[ $1 == "$backend" ]]; then root_path backend; else root_path node; fi
}

root_path() {
  local kind=$1 recipe hash
  recipe="$node_packages $backend_packages $address_unit ${masked_units[*]} $sshd_settings $(declare -f make_root settle_root)"
  hash=$(sha256sum <<<"$recipe")
  printf '%s\n' "$cache/roots/$kind-${hash:0:12}"
}

ensure_roots() {
  local kind missing=()
  for kind in node backend; do
    [[ -d $(root_path "$kind") ]] || missing+=("$kind")
  done
  ((${#missing[@]})) || return 0
  mkdir -p "$cache/roots"
  timed "Debian bookworm roots: ${missing[*]} (about 2 min)" each make_root "${missing[@]}"
}

make_root() {
  local path packages=${1}_packages
  path=$(root_path "$1")
  rm -rf "$path.partial"
  if ! mmdebstrap --mode=root --variant=minbase --include="${!packages}" bookworm "$path.partial" >"$path.log" 2>&1; then
    tail -n 20 "$path.log" >&2
    fail "mmdebstrap could not make the $1 root" 'look at its last lines above'
  fi
  settle_root "$path.partial"
  mv "$path.partial" "$path"
  rm -f "$path.log"
}

settle_root() {
  local root=$1 unit
  # Keys and identity are each machine's own.
  rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/etc/hostname"
  printf '%s' "$sshd_settings" >"$root/etc/ssh/sshd_config.d/practice.conf"
  printf '%s' "$address_unit" >"$root/etc/systemd/system/practice-address.service"
  mkdir -p "$root"/etc/systemd/{system,journald}.conf.d "$root/etc/systemd/system/multi-user.target.wants"
  ln -s ../practice-address.service "$root/etc/systemd/system/multi-user.target.wants/practice-address.service"
  for unit in "${masked_units[@]}"; do
    [[ $unit == *.* ]] || unit+=.service
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  # Two firewalls an operator may have: there, and off.
  rm -f "$root"/etc/systemd/system/{multi-user.target.wants/{ufw,firewalld},dbus-org.fedoraproject.FirewallD1}.service
  printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >"$root/etc/systemd/system.conf.d/practice.conf"
  # /dev/kmsg is the outer kernel's: its noise is not these machines' journal.
  printf '[Journal]\nReadKMsg=no\n' >"$root/etc/systemd/journald.conf.d/practice.conf"
}
