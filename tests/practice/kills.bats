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

teardown() { explain_failure n8n-practice; }

# sends_nothing FLAG...: a run that finds everything as it should be, and changes no object.
sends_nothing() {
  local before
  before=$(versions_of_objects)
  run -0 kit --module 12 --yes "$@"
  assert_output --partial 'nothing to do'
  assert_equal "$(versions_of_objects)" "$before"
}

@test "install in one go, killed after one of its writes: the next run ends what it began, as one revision" {
  killed_once 8 ./00_master_install.mjs --env practice --module 12 --yes
  run -0 kit --module 12 --yes
  assert_output --partial 'revision 1'
  sends_nothing
}

# bats test_tags=long
@test "install, killed after each write" {
  kit --module 12 --uninstall --confirm n8n
  forget_n8n
  die_at_each_write 8 12 --yes
  sends_nothing
}

# bats test_tags=long
@test "upgrade, killed after each write" {
  sed -i -E 's#(n8n-twin):[0-9.]+#\1:2.41.2#' "$credentials/versions.json"
  die_at_each_write 4 12 --upgrade --yes
  assert_equal "$(kubectl get deployment n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.template.spec.containers[0].image}')" keybuzz-practice/n8n-twin:2.41.2
  sends_nothing
}

# bats test_tags=long
@test "rollback, killed after each write" {
  # Named: without a number, a rollback that got through is itself what the next one would go back from.
  die_at_each_write 3 12 --rollback 1
  assert_equal "$(kubectl get deployment n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.template.spec.containers[0].image}')" keybuzz-practice/n8n-twin:2.41.1
  sends_nothing
}

# bats test_tags=long
@test "uninstall, killed after each write; then nothing is left, and an install finds its data" {
  die_at_each_write 3 12 --uninstall --confirm n8n
  run -0 kubectl get all,secrets,ingresses --namespace n8n-practice --selector keybuzz.io/module=12_n8n -o name
  assert_output ''
  run -0 kit --module 12 --yes
  sends_nothing
}
