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

# has_ssh ADDRESS: sshd greets.
has_ssh() {
  local greeting
  # The subshell ends with the connection; its complaints about a refused one say nothing new.
  greeting=$( (exec 3<>"/dev/tcp/$1/22" && read -r -t 2 line <&3 && printf '%s' "$line") 2>/dev/null)
  [[ $greeting == SSH-* ]]
}
