#!/usr/bin/env bats
# Any one machine may die: the power of each of five is cut, then the drill of each, on the cluster k3s.bats left. On K3s
# itself where PRACTICE_PARTS has it. About 20 minutes on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  ensure_k3s_cluster
  "$practice" images
  kit --module 12 --yes
}

setup() {
  load helper
  load k3s
}

teardown() {
  end_watches
  explain_failure kube-system keybuzz-probe
  explain_services master-01 master-02 master-03 worker-01 worker-02
}

report=validation/practice/MODULE09_VALIDATION.md

@test "the power of each machine in turn: no name is lost on the others; metrics and n8n come back" {
  local machine via other pod names lost metrics n8n
  for machine in worker-02 worker-01 master-03 master-02 master-01; do
    via=master-01 other=worker-01
    [[ $machine != master-01 ]] || via=master-02
    [[ $machine != worker-01 ]] || other=worker-02
    pod=$(probe_on "$other")
    until_runs "$via" "$pod"
    ask_names "$via" "$pod" 110 >"$BATS_TEST_TMPDIR/names" &
    names=$!
    watch_every_second metrics through "$via" get --raw /apis/metrics.k8s.io/v1beta1/nodes --request-timeout=3s
    watch_every_second n8n curl --silent --fail --max-time 3 --header "Host: $host" --header 'X-Forwarded-Proto: https' "http://${address[$other]}/healthz/readiness"
    sleep 5
    "$practice" cut "practice-$machine"
    wait "$names"
    end_watches
    run grep -c lost "$BATS_TEST_TMPDIR/names"
    lost=$output metrics=$(lost_seconds metrics) n8n=$(lost_seconds n8n)
    echo "# power of $machine cut: names lost $lost of $(wc -l <"$BATS_TEST_TMPDIR/names"), metrics away $metrics s, n8n away $n8n s" >&3
    "$practice" up --bare >&2
    through "$via" wait node --all --for=condition=Ready --timeout=180s
    assert_equal "$lost" 0
    assert [ "$metrics" -le 60 ]
    assert [ "$n8n" -le 90 ]
    assert [ "$(wc -l <"$BATS_TEST_TMPDIR/names")" -ge 60 ]
  done
  until_spread
}

@test "the drill: each machine dead in turn, what each may lose stays within its seconds, and all is whole again" {
  local machine said
  run -0 kit --module 9 --drill --confirm k3s
  said=$output
  sed -n 's/^ *✓ \(practice-[a-z0-9-]* was away: .*\)/# \1/p' <<<"$said" >&3
  for machine in worker-02 worker-01 master-03 master-02 master-01; do
    assert_regex "$said" "practice-$machine was away: "
    run -0 grep -E "^\| ✓ \| Any one machine away: .*practice-$machine: " "$report"
  done
  run -0 kubectl get nodes --no-headers
  refute_output --partial NotReady
  until_spread
}
