#!/usr/bin/env bats
# One run at a time on a cluster, whoever is killed, suspended or has a wrong clock. About 115 s on 2 cores.
# Runs on what verbs.bats left: module 12 installed with the quick stand-in.

setup_file() {
  load helper
  ensure_ground
  kit --module 12 --yes
}

setup() {
  load helper
  lease='get lease installer --namespace keybuzz-system'
}

teardown() {
  end_background
  explain_failure n8n-practice
}

holder() { kubectl $lease -o 'jsonpath={.spec.holderIdentity}'; }

# lease_from_elsewhere AGE: a lease of a run on another machine, by whose clock it is AGE old or new.
lease_from_elsewhere() {
  local time
  time=$(date -u --date "$1" +%Y-%m-%dT%H:%M:%S.000000Z)
  kubectl annotate lease installer --namespace keybuzz-system --overwrite 'keybuzz.io/process=other-boot pid:[1] 42 1'
  kubectl patch lease installer --namespace keybuzz-system --type=merge \
    -p "{\"spec\":{\"holderIdentity\":\"ops@other-admin, 12_n8n (practice)\",\"acquireTime\":\"$time\",\"renewTime\":\"$time\"}}"
}

release() { kubectl patch lease installer --namespace keybuzz-system --type=merge -p '{"spec":{"holderIdentity":""}}'; }

# start_run [FLAG...]: a run that takes a while, its process as $run, its talk in $talk. It holds the lock.
start_run() {
  talk=$BATS_TEST_TMPDIR/talk
  kubectl delete pods --namespace n8n-practice --selector app.kubernetes.io/component=main --wait=false
  in_background "$talk" scripts/12_n8n/12_n8n_apply_all.mts --env practice --yes "$@"
  for _ in {1..100}; do grep -q 'objects: ' "$talk" && break || sleep 0.1; done
}

# bats test_tags=long
@test "a lock is free after every run, whatever its end" {
  assert_equal "$(holder)" ''
  run -5 kit --module 12 --rollback 99
  assert_equal "$(holder)" ''
}

@test "two runs at once: the second is told who works, since when, and ends with 11; with --wait it follows" {
  start_run --set N8N_OWNER_FIRST_NAME=First
  run -11 kit --module 12 --yes
  assert_output --partial 'another run works on this cluster'
  assert_output --regexp '@.*, 12_n8n \(practice\) since 20'
  assert_output --partial 'add --wait'
  run -0 kit --module 12 --yes --wait --set N8N_OWNER_FIRST_NAME=KeyBuzz
  ends_with 0
  assert_equal "$(holder)" ''
}

# bats test_tags=long
@test "two that looked at the same time: the one that comes second to its first write has written nothing, and ends with 11" {
  kubectl_that_waits PUT
  KEYBUZZ_KUBECTL=$BATS_TEST_TMPDIR/kubectl in_background "$BATS_TEST_TMPDIR/talk" \
    scripts/12_n8n/12_n8n_apply_all.mts --env practice --yes --set N8N_WORKERS_MAX=7
  until_asking
  run -0 kit --module 12 --yes --set N8N_OWNER_FIRST_NAME=Sixth
  touch "$BATS_TEST_TMPDIR/go"
  ends_with 11
  run cat "$BATS_TEST_TMPDIR/talk"
  assert_output --partial 'another run has worked on this cluster since this one looked at it'
  assert_equal "$(setting N8N_WORKERS_MAX) $(setting N8N_OWNER_FIRST_NAME) $(holder)" '6 Sixth '
  assert_equal "$(kubectl get horizontalpodautoscalers n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.maxReplicas}')" 6
  run -0 kit --module 12 --yes --set N8N_OWNER_FIRST_NAME=KeyBuzz
}

# bats test_tags=long
@test "two kubeconfigs of two admin hosts meet the same lock" {
  rm -rf credentials/second && cp -rp "$credentials" credentials/second
  start_run --set N8N_OWNER_FIRST_NAME=Third
  run ./00_master_install.mjs --env second --module 9 --verify
  rm -rf credentials/second logs/second validation/second
  assert_equal "$status" 11
  ends_with 0
}

# bats test_tags=long
@test "a plan and a status need no lock" {
  lease_from_elsewhere now
  run -0 kit --module 12 --status
  run -0 --separate-stderr kit --module 9 --status --json
  run kit --module 12 --plan
  assert [ "$status" -eq 0 -o "$status" -eq 4 ]
  release
}

# bats test_tags=long
@test "a holder killed on this machine is seen to be gone at once" {
  start_run --set N8N_OWNER_FIRST_NAME=Fourth
  kill -KILL "$run"
  ends_with 137
  [[ -n $(holder) ]]
  started=$SECONDS
  run -0 kit --module 12 --yes --set N8N_OWNER_FIRST_NAME=KeyBuzz
  assert_output --partial 'its lock is taken over'
}

# bats test_tags=long
@test "a holder elsewhere is gone when its lease does not move for its duration, by our clock alone: its own may be a day off" {
  for age in '1 day ago' '1 day'; do
    lease_from_elsewhere "$age"
    started=$SECONDS
    run -0 kit --module 9 --verify
    assert_output --partial 'is gone: its lock is taken over'
    assert [ $((SECONDS - started)) -ge 15 ]
  done
}

# bats test_tags=long
@test "a holder elsewhere that renews is alive, whatever its clock says" {
  lease_from_elsewhere '1 day ago'
  (for n in {1..8}; do
    sleep 2
    [[ ! -e $BATS_TEST_TMPDIR/met ]] || break
    lease_from_elsewhere "1 day ago $n seconds"
  done) >/dev/null 2>&1 &
  renewing=$!
  run kit --module 9 --verify
  touch "$BATS_TEST_TMPDIR/met"
  wait "$renewing"
  release
  assert_equal "$status" 11
  assert_output --partial 'ops@other-admin'
}

# bats test_tags=long
@test "a suspended holder that wakes after another took over writes nothing: exit 11" {
  start_run --set N8N_OWNER_FIRST_NAME=Fifth --set N8N_WORKERS_MAX=7
  kill -STOP "$run"
  # Another admin host takes over while it sleeps.
  lease_from_elsewhere now
  kill -CONT "$run"
  ends_with 11
  run cat "$talk"
  assert_output --partial 'this run has lost the cluster to another one: ops@other-admin'
  assert_equal "$(kubectl get horizontalpodautoscalers n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.maxReplicas}')" 6
  assert_regex "$(holder)" '^ops@other-admin'
  release
  run -0 kit --module 12 --yes --set N8N_WORKERS_MAX=6 --set N8N_OWNER_FIRST_NAME=KeyBuzz
}
