#!/usr/bin/env bats
# down leaves nothing behind. About 60 s on 2 cores with warm caches. It takes the platform away: run it last.

setup() {
  root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  practice=$root/tests/practice/practice
  export BATS_LIB_PATH=$root/node_modules
  bats_load_library bats-support
  bats_load_library bats-assert
}

# outer_state: what of this host the machines could have changed. Values that move by themselves are left out.
outer_state() {
  ip -o link show | cut -d: -f2 | sort
  ip -4 route show table all | sort
  findmnt -rno TARGET,SOURCE,FSTYPE | sort
  find /sys/fs/cgroup -type d | sort
  swapon --show --noheadings
  # shellcheck source=/dev/null
  (repo=$root && . "$root/tests/practice/platform/common.bash" && . "$root/tests/practice/platform/outer.bash" && kernel_settings)
}

# bats test_tags=long
@test "up and down leave links, routes, mounts, cgroups, swap and kernel settings as they were" {
  "$practice" down
  outer_state >"$BATS_TEST_TMPDIR/before"
  "$practice" up --images traefik
  pgrep -f 'systemd-nspawn.*machine=practice-' >"$BATS_TEST_TMPDIR/pids"
  run "$practice" down
  assert_success
  outer_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_output ''
  # An ended process may still wait for process 1 to take note of it.
  run bash -c 'ps -o stat=,pid=,args= -p "$1" | grep -v ^Z' bash "$(paste -sd, "$BATS_TEST_TMPDIR/pids")"
  assert_output ''
}

@test "down takes machines, mounts, the bridge and control groups with it" {
  run "$practice" down
  assert_success
  run grep -F keybuzz-practice /proc/self/mountinfo
  assert_output ''
  run bash -c 'ip -o link show | grep -E "br-practice|vb-practice"; find /sys/fs/cgroup -type d -name "*practice*"; pgrep -af "systemd-nspawn.*machine=[p]ractice-"'
  assert_output ''
}

@test "credentials, state and runtime folders are gone" {
  assert [ ! -e "$root/credentials/practice" ]
  assert [ ! -e /var/lib/keybuzz-practice ]
  assert [ ! -e /run/keybuzz-practice ]
}

@test "status says that nothing is up" {
  run "$practice" status
  assert_failure
}

@test "down twice is harmless" {
  run "$practice" down
  assert_success
}
