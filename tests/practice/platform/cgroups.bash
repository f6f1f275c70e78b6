# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# One folder in every control group tree, below it one a machine: what a machine runs is found, and ended, by it.

readonly cgroup_folder=keybuzz-practice

# The trees of this host: the single one of version 2, or version 1's controllers with systemd's and unified.
cgroup_trees() {
  local tree
  for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [[ ! -f $tree/cgroup.procs || -L $tree ]] || printf '%s\n' "$tree"
  done
}

# enter_cgroups MACHINE: puts the calling shell into the machine's own folders.
enter_cgroups() {
  local tree folder
  while read -r tree; do
    for folder in "$tree/$cgroup_folder" "$tree/$cgroup_folder/$1"; do
      mkdir -p "$folder"
      [[ ! -f $folder/cpuset.cpus ]] || inherit_cpuset "$folder"
    done
    echo $$ >"$folder/cgroup.procs"
  done < <(cgroup_trees)
}

# Nothing may run in a version 1 cpuset before it names CPUs and memory nodes.
inherit_cpuset() {
  local name
  for name in cpuset.cpus cpuset.mems; do
    [[ ! -e ${1%/*}/$name || -n $(<"$1/$name") ]] || cat "${1%/*}/$name" >"$1/$name"
  done
}

# pids_of MACHINE: every process that still runs in its control groups.
pids_of() {
  local tree
  while read -r tree; do
    [[ ! -d $tree/$cgroup_folder/$1 ]] || find "$tree/$cgroup_folder/$1" -name cgroup.procs -exec cat {} +
  done < <(cgroup_trees) | sort -un
}

no_processes_of() {
  local pids
  mapfile -t pids < <(pids_of "$1")
  ((${#pids[@]})) || return 0
  # They may end by themselves between the two lines: the next look tells.
  kill -KILL "${pids[@]}" 2>/dev/null
  return 1
}

# end_processes_of MACHINE: also those whose nspawn is gone already.
end_processes_of() {
  until_true 20 no_processes_of "$1" || fail "processes of $1 do not end: $(pids_of "$1" | paste -sd' ')"
}

# remove_cgroups [MACHINE]: its own, or all. Those of pods outlive a machine here, as none does that has lost its power:
# its next kubelet would look at each of them for 3 s before its Node is Ready.
remove_cgroups() {
  local tree folder
  while read -r tree; do
    folder=$tree/$cgroup_folder${1:+/$1}
    [[ ! -d $folder ]] || find "$folder" -depth -type d -exec rmdir {} +
  done < <(cgroup_trees)
}
