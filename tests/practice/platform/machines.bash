# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# Boots, finds and ends machines: each a systemd-nspawn of its own over the cached root.

readonly machine_folders=$state/machines

# --- what is there

pid_file() { printf '%s\n' "$run/$1.pid"; }

# identity_of PID: with its start and this boot of the host, so that a recycled number is never taken for ours.
identity_of() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name in parentheses may hold blanks: count behind it. The start is field 22 of the whole.
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] || return 1
  printf '%s %s %s\n' "$1" "${stat[19]}" "$(</proc/sys/kernel/random/boot_id)"
}

# pid_of MACHINE: its nspawn process, while that runs.
pid_of() {
  local recorded pid
  recorded=$(cat "$(pid_file "$1")" 2>/dev/null) || return 1
  pid=${recorded%% *}
  [[ $recorded == "$(identity_of "$pid")" ]] || return 1
  printf '%s\n' "$pid"
}

is_up() { pid_of "$1" >/dev/null; }

is_healthy() { is_up "$1" && has_ssh "${address[$1]}"; }

# leader_of MACHINE: the process that is 1 inside.
leader_of() {
  local pid children
  pid=$(pid_of "$1") || return 1
  read -ra children <"/proc/$pid/task/$pid/children"
  ((${#children[@]})) || return 1
  printf '%s\n' "${children[-1]}"
}

# inside MACHINE COMMAND...: the platform's own hand in a machine. It needs no sshd, so a test may break that.
inside() {
  local leader
  leader=$(leader_of "$1") || fail "$1 is not running" "tests/practice/practice up"
  shift
  nsenter --target "$leader" --all -- /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# --- make and boot

# furnish MACHINE: everything that is its own, laid into the upper folder before its first boot.
furnish() {
  local name=$1 folder=$machine_folders/$1 upper=$machine_folders/$1.partial/upper
  rm -rf "$folder.partial"
  mkdir -p "$folder.partial"/{upper,work,root,rancher} "$upper"/etc/ssh
  root_of "$name" >"$folder.partial/lower"
  install -d -m 0700 "$upper/root" "$upper/root/.ssh"
  printf '%s\n' "$name" >"$upper/etc/hostname"
  tr -d - </proc/sys/kernel/random/uuid >"$upper/etc/machine-id"
  hosts_file >"$upper/etc/hosts"
  # Nobody answers there, at once: names outside the platform fail quickly instead of hanging.
  printf 'nameserver %s\n' "$gateway" >"$upper/etc/resolv.conf"
  printf 'ADDRESS=%s\nGATEWAY=%s\n' "${address[$name]}" "$gateway" >"$upper/etc/practice-address"
  ssh-keygen -q -t ed25519 -N '' -C "root@$name" -f "$upper/etc/ssh/ssh_host_ed25519_key"
  install -m 0600 "$state/secrets/id_ed25519.pub" "$upper/root/.ssh/authorized_keys"
  if is_k3s_itself && [[ $name != "$backend" ]]; then lend_to_k3s "$upper"; fi
  [[ $name != "$backend" ]] || furnish_backend "$upper" "$(<"$folder.partial/lower")"
  mv "$folder.partial" "$folder"
}

# boot MACHINE: with what it was. What a crash left of it is ended first.
boot() {
  local name=$1 folder=$machine_folders/$1
  [[ -d $folder ]] || furnish "$name"
  [[ $(<"$folder/lower") == "$(root_of "$name")" ]] ||
    fail "$name was made from another root than today's" 'tests/practice/practice down, then up'
  stop "$name"
  # shellcheck disable=SC2016 # expanded by the inner shell
  setsid bash -c '. "$1/cgroups.bash"; . "$1/machine-main.bash"; machine_main "${@:2}"' machine \
    "$platform" "$name" "$folder" "$bridge" </dev/null >"$run/$name.log" 2>&1 &
  identity_of $! | write_file "$(pid_file "$name")" 0600
}

await() {
  until_true 60 has_ssh "${address[$1]}" || {
    tail -n 15 "$run/$1.log" >&2
    fail "$1 does not answer on ${address[$1]}:22 after 60 s" "its last lines are above, the rest is in $run/$1.log"
  }
}

ensure_machines() {
  local name stopped=()
  mkdir -p "$machine_folders" "$run"
  for name in "${machines[@]}"; do
    is_healthy "$name" || stopped+=("$name")
  done
  ensure_bridge
  ((${#stopped[@]})) || return 0
  ensure_key
  timed "boot ${#stopped[@]} machines: ${stopped[*]#practice-}" start_all "${stopped[@]}"
}

start_all() {
  each boot "$@"
  each await "$@"
}

ensure_key() {
  [[ -s $state/secrets/id_ed25519.pub ]] && return 0
  install -d -m 0700 "$state/secrets"
  rm -f "$state/secrets/id_ed25519"
  ssh-keygen -q -t ed25519 -N '' -C keybuzz-practice -f "$state/secrets/id_ed25519"
}

# --- end

# stop MACHINE: by force. Before a boot there is nothing to lose, before the end nothing to keep.
stop() {
  local pid leader
  if pid=$(pid_of "$1"); then
    if leader=$(leader_of "$1"); then kill -KILL "$leader"; fi
    until_true 10 has_ended "$1" || kill -KILL "$pid"
  fi
  end_processes_of "$1"
  remove_cgroups "$1"
  remove_link_of "$1"
  rm -f "$(pid_file "$1")" "$run/$1.log"
}

has_ended() { ! is_up "$1"; }
