# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# What a machine's own process does: it becomes the machine.

# machine_main NAME FOLDER BRIDGE: mounts go into a namespace that ends with the machine, so a crash leaves none behind.
machine_main() {
  set -Eeuo pipefail
  close_inherited
  enter_cgroups "$1"
  # shellcheck disable=SC2016 # expanded by the inner shell
  exec unshare --mount --propagation slave bash -c '. "$1"; shift; in_own_mounts "$@"' machine "${BASH_SOURCE[0]}" "$@"
}

# A machine outlives the run that started it: it must not keep that one's lock, or its caller's pipes, open.
close_inherited() {
  local fd
  for fd in "/proc/$$/fd"/*; do
    fd=${fd##*/}
    ((fd <= 2 || fd == 255)) || exec {fd}>&-
  done
}

in_own_mounts() {
  set -Eeuo pipefail
  local name=$1 folder=$2 bridge=$3
  mount -t overlay overlay -o "lowerdir=$(<"$folder/lower"),upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
  pretend_systemd
  # /sys and /proc/sys writable: Kubernetes needs it. containerd's overlays cannot lie on ours: a plain folder for them.
  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
  exec systemd-nspawn --quiet --directory="$folder/root" --boot --machine="$name" --register=no --keep-unit \
    --network-bridge="$bridge" --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
    --capability=all --drop-capability=CAP_SYS_TIME,CAP_SYS_BOOT,CAP_SYS_MODULE \
    --system-call-filter='@keyring bpf' --bind=/dev/kmsg --bind="$folder/rancher:/var/lib/rancher"
}

# nspawn wants to see a systemd. On a host without one it is shown here only: Debian's package scripts
# would believe in it too, and fail.
pretend_systemd() {
  [[ ! -d /run/systemd/system ]] || return 0
  mkdir -p /run/systemd
  mount -t tmpfs -o mode=0755 tmpfs /run/systemd
  mkdir /run/systemd/system
}
