#!/usr/bin/env bats
# Module 11 killed, as by a power cut, after each of its writes in turn, the Jobs' among them: every next run goes on
# from there, and when one got through the one after it sends nothing. With the contract server, without S3. About 120 s on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  load chatwoot
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  forget_chatwoot
  ensure_ground
}

teardown_file() {
  load helper
  load chatwoot
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
  forget_chatwoot
}

setup() {
  load helper
  load chatwoot
}

teardown() { explain_failure chatwoot-practice; }

# standing: what a killed run has come to: the names of what is in the namespace; before there is any, the database.
standing() {
  local words
  words=$(kubectl get jobs,deployments,ingresses --namespace chatwoot-practice -o name | sed -E 's#.*/##; s/-[0-9a-f]{6,}$//' | sort | tr '\n' ' ')
  [[ -n $words ]] || words=$(sql "select 'database' from pg_database where datname = 'chatwoot_practice'")
  printf '%s\n' "${words% }"
}

# after_kill: what each killed run had come to goes into $BATS_TEST_TMPDIR/points.
after_kill() { standing >>"$BATS_TEST_TMPDIR/points"; }

# died_at POINT: one of the killed runs had come to just that.
died_at() { assert grep -qx "$1" "$BATS_TEST_TMPDIR/points"; }

@test "install, killed after each write: with the database made, behind each Job, behind the rollout" {
  die_at_each_write 8 11 --yes
  died_at database
  died_at 'chatwoot-prepare'
  died_at 'chatwoot-prepare chatwoot-super-admin'
  died_at 'chatwoot-branding chatwoot-prepare chatwoot-super-admin'
  died_at 'chatwoot-branding chatwoot-prepare chatwoot-super-admin chatwoot-web chatwoot-worker'
  sends_nothing
}

@test "an upgrade that moves the schema, killed after each write" {
  use 4.18.0
  die_at_each_write 4 11 --upgrade --yes
  assert_equal "$(image)" keybuzz-practice/chatwoot:4.18.0
  assert_equal "$(jobs | grep -c prepare)" 1
  sends_nothing
}

@test "uninstall, killed after each write; then nothing is left but the database, and the next one has nothing to do" {
  die_at_each_write 2 11 --uninstall --confirm chatwoot
  run -0 of_chatwoot jobs,deployments,services,secrets,ingresses
  assert_output ''
  assert_equal "$(sql "select count(*) from pg_database where datname = 'chatwoot_practice'")" 1
  run -0 kit --module 11 --uninstall --confirm chatwoot
  assert_output --partial 'is not installed in practice'
}
