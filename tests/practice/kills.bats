#!/usr/bin/env bats
# The kit killed, as by a power cut, after each of its writes in turn: every next run goes on from there, and when
# one got through the one after it sends nothing. With the quick stand-in of n8n. About 170 s on 2 cores.

setup_file() {
  load helper
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  forget_n8n
  ensure_ground
}

teardown_file() {
  load helper
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
}

setup() { load helper; }

# die_at_each_write LEAST FLAG...: the same run again and again, each killed at its first write, until one has none
# left. At least LEAST were killed.
die_at_each_write() {
  local least=$1 kills=0
  shift
  while :; do
    run env KEYBUZZ_KILL_AFTER_WRITE=1 ./00_master_install.mjs --env practice --module 12 "$@"
    ((status == 137)) || break
    kills=$((kills + 1))
    ((kills < 40)) || fail "40 runs did not get through"
  done
  echo "$kills kills, then exit $status"
  echo "$output"
  assert_equal "$status" 0
  assert [ "$kills" -ge "$least" ]
}

# sends_nothing FLAG...: a run that finds everything as it should be, and changes no object.
sends_nothing() {
  local before
  before=$(versions_of_objects)
  run -0 kit --module 12 --yes "$@"
  assert_output --partial 'nothing to do'
  assert_equal "$(versions_of_objects)" "$before"
}

@test "install, killed after each write" {
  die_at_each_write 8 --yes
  sends_nothing
}

@test "install in one go, killed after its fifth write: the next run ends what it began, as one revision" {
  kit --module 12 --uninstall --confirm n8n
  forget_n8n
  run -137 env KEYBUZZ_KILL_AFTER_WRITE=5 ./00_master_install.mjs --env practice --module 12 --yes
  run -0 kit --module 12 --yes
  assert_output --partial 'revision 1'
  sends_nothing
}

@test "upgrade, killed after each write" {
  sed -i -E 's#(n8n-twin):[0-9.]+#\1:2.41.2#' "$credentials/versions.json"
  die_at_each_write 4 --upgrade --yes
  assert_equal "$(kubectl get deployment n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.template.spec.containers[0].image}')" keybuzz-practice/n8n-twin:2.41.2
  sends_nothing
}

@test "rollback, killed after each write" {
  # Named: without a number, a rollback that got through is itself what the next one would go back from.
  die_at_each_write 3 --rollback 1
  assert_equal "$(kubectl get deployment n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.template.spec.containers[0].image}')" keybuzz-practice/n8n-twin:2.41.1
  sends_nothing
}

@test "uninstall, killed after each write; then nothing is left, and an install finds its data" {
  die_at_each_write 3 --uninstall --confirm n8n
  run -0 kubectl get all,secrets,ingresses --namespace n8n-practice --selector keybuzz.io/module=12_n8n -o name
  assert_output ''
  run -0 kit --module 12 --yes
  sends_nothing
}
