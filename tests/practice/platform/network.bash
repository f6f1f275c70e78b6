# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# The bridge the machines are on. Only this host and they are reachable through it.

ensure_bridge() {
  if [[ ! -d /sys/class/net/$bridge ]]; then
    ip link add "$bridge" type bridge
    # Even where this host forwards for others, it does not for the machines; and they have no IPv6.
    echo 0 >"/proc/sys/net/ipv4/conf/$bridge/forwarding"
    [[ ! -d /proc/sys/net/ipv6/conf/$bridge ]] || echo 1 >"/proc/sys/net/ipv6/conf/$bridge/disable_ipv6"
  fi
  ip address replace "$gateway/24" dev "$bridge"
  ip link set "$bridge" up
}

remove_bridge() {
  [[ ! -d /sys/class/net/$bridge ]] || ip link delete "$bridge"
}

# remove_link_of MACHINE: the kernel takes its time after a crash, and the next boot would find the name taken.
# nspawn shortens the name and keeps the long one as an alternative: by that it is found.
remove_link_of() {
  until_true 10 has_no_link "vb-$1" || fail "the network link of $1 stays" "ip link delete vb-$1"
}

has_no_link() {
  ip link show "$1" >/dev/null 2>&1 || return 0
  # It may go by itself between the two lines: the next look tells.
  ip link delete "$1" 2>/dev/null
  return 1
}

# has_ssh ADDRESS: sshd greets.
has_ssh() {
  local greeting
  # The subshell ends with the connection; its complaints about a refused one say nothing new.
  greeting=$( (exec 3<>"/dev/tcp/$1/22" && read -r -t 2 line <&3 && printf '%s' "$line") 2>/dev/null)
  [[ $greeting == SSH-* ]]
}
