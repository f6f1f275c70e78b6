# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# This host before and after: what it must be able to do, and what must be as before when the platform is gone.

require_outer() {
  [[ $(uname -s) == Linux ]] || fail 'the practice platform needs Linux' 'run it on a Debian machine' 3
  ((EUID == 0)) || fail 'the practice platform needs root: it boots machines' 'run it as root' 3
  unshare --mount true 2>/dev/null ||
    fail 'root may not mount here, so no machine can boot' 'run it outside of a restricted container' 3
}

# require_go: what is compiled here wants a newer Go and fetches it by itself, which Go can since 1.21.
require_go() {
  local version oldest=1.21
  version=$(go env GOVERSION 2>/dev/null) ||
    fail 'Go is missing' "install Go $oldest or newer, not Debian 12’s own 1.19; then run the same command again" 3
  version=${version#go}
  [[ $(printf '%s\n' "$oldest" "$version" | sort -V | head -n 1) == "$oldest" ]] ||
    fail "Go $version is too old" "install Go $oldest or newer, which fetches the one it needs; then run the same command again" 3
}

# Values that move by themselves, and those of links, which come and go with them.
readonly restless='^(kernel/random/|kernel/ns_last_pid|kernel/pty/nr|fs/(dentry-state|inode-|file-nr|aio-nr|quota/)|fs/binfmt_misc/|user/max_inotify_|net/netfilter/nf_conntrack_count|net/ipv[46]/(conf|neigh)/|net/ipv[46]/route/flush|vm/(stat_refresh|compact_memory|drop_caches))'

# kernel_settings: every readable one of this host, a line each.
kernel_settings() {
  (cd /proc/sys && find . -type f -perm -400 -printf '%P\n' | grep -Ev "$restless" | LC_ALL=C sort |
    tr '\n' '\0' | xargs -0 grep -sH '' -m 1)
}

# settings_file: one a boot of this host; what an earlier boot had says nothing about today.
settings_file() { printf '%s\n' "$state/kernel-settings-$(</proc/sys/kernel/random/boot_id)"; }

remember_outer() {
  local file
  file=$(settings_file)
  [[ -s $file ]] || kernel_settings | write_file "$file" 0600
}

# Limits this host counts over all machines, because they have one root user: six kubelets outgrow the usual 128.
declare -rA wanted_limits=([fs/inotify/max_user_instances]=8192 [fs/inotify/max_user_watches]=524288)

raise_limits() {
  local path
  for path in "${!wanted_limits[@]}"; do
    (($(<"/proc/sys/$path") >= wanted_limits[$path])) || printf '%s\n' "${wanted_limits[$path]}" >"/proc/sys/$path"
  done
}

# restore_outer: machines share the kernel; a setting one of them changed is set back too, and said.
restore_outer() {
  local file path value
  file=$(settings_file)
  [[ -s $file ]] || return 0
  while IFS=: read -r path value; do
    [[ -n ${wanted_limits[$path]:-} ]] || say "  ! kernel setting $path was changed meanwhile: back to $value"
    printf '%s\n' "$value" 2>/dev/null >"/proc/sys/$path" || say "  ! and could not be set back: $path"
  done < <(LC_ALL=C comm -23 <(LC_ALL=C sort "$file") <(kernel_settings | LC_ALL=C sort))
}

# leftovers: what of the platform is still on this host. Nothing, after down.
leftovers() {
  local tree
  [[ ! -e $state ]] || printf '%s\n' "$state"
  [[ ! -e $run ]] || printf '%s\n' "$run"
  [[ ! -e $env_folder ]] || printf '%s\n' "$env_folder"
  grep -F "$state" /proc/self/mountinfo | sed 's/^/mount /' || true
  ip -o link show | grep -oE "($bridge|vb-practice[^:@ ]*)" | sed 's/^/link /' || true
  while read -r tree; do
    [[ ! -d $tree/$cgroup_folder ]] || printf '%s\n' "$tree/$cgroup_folder"
  done < <(cgroup_trees)
}
