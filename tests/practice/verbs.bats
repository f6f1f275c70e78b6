#!/usr/bin/env bats
# What an operator does with an installed module 12: look, upgrade, go back, break it on purpose, take it away.
# With the quick stand-in of n8n, which has three versions. About 290 s on 2 cores.

setup_file() {
  load helper
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  forget_n8n
  ensure_ground
  kit --module 12 --yes
}

teardown_file() {
  load helper
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
}

setup() { load helper; }

teardown() {
  end_background
  explain_failure n8n-practice
  [[ -n ${BATS_TEST_COMPLETED:-} ]] || let_names_and_pods_in
}

# pin VERSION: the n8n that versions.json names from now on.
pin() { sed -i -E "s#(n8n-twin):[0-9.]+#\1:$1#" "$credentials/versions.json"; }

# running: the image of main as the cluster has it.
running() { kubectl get deployment n8n --namespace n8n-practice -o 'jsonpath={.spec.template.spec.containers[0].image}'; }

scaler_most() { kubectl get horizontalpodautoscalers n8n-webhook --namespace n8n-practice -o 'jsonpath={.spec.maxReplicas}'; }

@test "--status: revision, versions, health, last checks; nothing pending; nothing written" {
  before=$(versions_of_objects)
  run -0 --separate-stderr kit --module 12 --status
  assert_equal "$output" ''
  assert_regex "$stderr" 'Revision +1 validated'
  assert_regex "$stderr" 'Version +n8n keybuzz-practice/n8n-twin:2.41.1'
  assert_regex "$stderr" 'Now +healthy'
  assert_regex "$stderr" 'Checks +15 of 15 passed'
  refute_regex "$stderr" 'Pending'
  assert_equal "$(versions_of_objects)" "$before"
}

# bats test_tags=long
@test "--status --json and --plan --json: one document a module, one a line, nothing else on stdout" {
  run -0 --separate-stderr kit --module 9,12 --status --json
  assert_equal "${#lines[@]}" 2
  run -0 node -e "for (const line of process.argv.slice(1)) { const d = JSON.parse(line); console.log(d.kind, d.module, d.health.state) }" "${lines[@]}"
  assert_line --index 0 'status 09_k3s healthy'
  assert_line --index 1 'status 12_n8n healthy'
  run -0 --separate-stderr kit --module 12 --plan --json
  assert_equal "${#lines[@]}" 1
  assert_regex "$output" '"changes":\[\],"unchanged":14'
  # Of several modules: 4 when one of them would change something.
  run -4 --separate-stderr kit --module 9,12 --plan --json --set N8N_WEBHOOKS_MAX=9
  assert_equal "${#lines[@]}" 2
}

# bats test_tags=long
@test "--status of something broken says what and where, and what a run would put right" {
  kubectl scale deployment n8n-webhook --namespace n8n-practice --replicas 0
  kubectl patch deployment n8n --namespace n8n-practice --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"keybuzz-practice/absent:1.0.0"}]'
  for _ in {1..40}; do
    run -0 kit --module 12 --status
    [[ $output == *'image'* ]] && break || sleep 0.5
  done
  assert_output --partial 'degraded'
  assert_output --regexp 'Deployment n8n-practice/n8n 0/1 ready: image (not found|cannot be pulled)'
  assert_output --regexp 'Pending .*changes'
  run -0 kit --module 12 --yes --force-conflicts
  assert_equal "$(kubectl get deployment n8n-webhook --namespace n8n-practice -o 'jsonpath={.spec.replicas}')" 2
}

# bats test_tags=long
@test "--rollback without an earlier revision: exit 5, nothing written" {
  before=$(versions_of_objects)
  run -5 kit --module 12 --rollback 9
  assert_output --partial 'has no revision 9 to go back to'
  assert_equal "$(versions_of_objects)" "$before"
}

# bats test_tags=long
@test "--rollback: the objects of the newest validated revision that differs, verified; a full run leaves it alone" {
  run -0 kit --module 12 --yes --set N8N_WEBHOOKS_MAX=5
  assert_output --partial 'Undo'
  assert_equal "$(scaler_most)" 5
  run -4 --separate-stderr kit --module 12 --rollback --plan
  assert_output --regexp 'spec.maxReplicas +5 -> 4'
  assert_equal "$(scaler_most)" 5
  run -0 kit --module 12 --rollback
  assert_output --partial '15 checks passed'
  assert_equal "$(scaler_most)" 4
  run -0 kit --skip 10,11 --yes
  assert_output --partial '12 n8n workflows is at a rollback'
  assert_equal "$(scaler_most)" 4
}

# bats test_tags=long
@test "naming the module takes it up again; rolling back takes today's secrets, not yesterday's" {
  new=rotated-by-the-test-$RANDOM
  printf "N8N_POSTGRES_PASSWORD='%s'\n" "$new" | install -m 600 /dev/stdin "$BATS_TEST_TMPDIR/answers"
  run -0 kit --module 12 --yes --answers "$BATS_TEST_TMPDIR/answers"
  assert_equal "$(scaler_most)" 5
  run -0 kit --module 12 --rollback
  assert_equal "$(scaler_most)" 4
  run -0 kubectl get secret n8n --namespace n8n-practice -o 'jsonpath={.data.N8N_POSTGRES_PASSWORD}'
  assert_equal "$(base64 -d <<<"$output")" "$new"
  run -0 kit --module 12 --yes --set N8N_WEBHOOKS_MAX=4
}

@test "a newer version is named and left alone; --upgrade shows from, to, the way back and the backup, and wants a yes" {
  pin 2.41.2
  run -0 kit --module 12 --yes
  assert_output --regexp 'Newer +n8n keybuzz-practice/n8n-twin:2.41.1 -> keybuzz-practice/n8n-twin:2.41.2: --upgrade'
  assert_equal "$(running)" keybuzz-practice/n8n-twin:2.41.1
  run -2 kit --module 12 --upgrade
  assert_output --regexp 'Upgrade +n8n .*2.41.1 -> .*2.41.2'
  assert_output --partial 'pg_dump --format=custom'
  assert_output --partial 'add --yes'
  assert_equal "$(running)" keybuzz-practice/n8n-twin:2.41.1
}

@test "an upgrade that leaves the schema alone can be rolled back" {
  run -0 kit --module 12 --upgrade --yes
  assert_equal "$(running)" keybuzz-practice/n8n-twin:2.41.2
  assert_output --regexp 'Undo .*--rollback'
  run -0 kit --module 12 --rollback
  assert_equal "$(running)" keybuzz-practice/n8n-twin:2.41.1
}

# bats test_tags=long
@test "an upgrade that moved the schema cannot: exit 5 with the commands that restore; nor can versions.json go back" {
  pin 2.42.0
  run -0 kit --module 12 --upgrade --yes
  refute_output --partial 'Undo'
  before=$(versions_of_objects)
  run -5 kit --module 12 --rollback
  assert_output --partial 'last migration now: TwinMoved1790000000000'
  assert_output --partial 'pg_restore --clean'
  pin 2.41.2
  run -5 kit --module 12 --upgrade --yes
  assert_output --partial 'would go back from'
  assert_equal "$(versions_of_objects)" "$before"
  pin 2.42.0
}

# bats test_tags=long
@test "a failed upgrade whose image never ran: its version may be corrected, also to an older one than it" {
  pin 2.44.0
  run -9 kit --module 12 --upgrade --yes
  pin 2.42.0
  run -0 kit --module 12 --upgrade --yes
  assert_equal "$(running)" keybuzz-practice/n8n-twin:2.42.0
}

# bats test_tags=long
@test "a failed upgrade whose image never ran is rolled back, also without naming the revision" {
  pin 2.43.0
  run -9 kit --module 12 --upgrade --yes
  run -0 kit --module 12 --status
  assert_output --regexp 'Pending +revision [0-9]+ was begun and not finished'
  run -0 kit --module 12 --rollback
  assert_equal "$(running)" keybuzz-practice/n8n-twin:2.42.0
  run -0 kit --module 12 --status
  refute_output --partial 'was begun'
  pin 2.42.0
}

# bats test_tags=long
@test "--drill without its name: exit 2; with it: every pod lost and every worker stopped, all healed, all in the report" {
  run -2 kit --module 12 --drill --yes
  assert_output --partial 'add --confirm n8n'
  run -0 kit --module 12 --drill --confirm n8n
  assert_output --partial '15 checks and 2 drills passed'
  run -0 grep -c -e '(n8n.credential)' -e '(n8n.queue)' validation/practice/MODULE12_VALIDATION.md
  assert_output 2
  run -0 kit --module 12 --verify
  run -0 grep -c 'drill not run, not proven since 20' validation/practice/MODULE12_VALIDATION.md
  assert_output 2
}

# bats test_tags=long
@test "a drill killed in its middle: the next run of any kind gives the workers back" {
  # One module alone runs in the master's own process.
  in_background "$BATS_TEST_TMPDIR/talk" ./00_master_install.mjs --env practice --module 12 --drill --confirm n8n
  workers() { kubectl get deployment n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.replicas}'; }
  for _ in {1..200}; do [[ $(workers) == 0 ]] && break || sleep 0.3; done
  kill -KILL "$run"
  ends_with 137
  assert_equal "$(workers)" 0
  # Until then it is named, whichever module is looked at.
  run -0 kit --module 12 --status
  assert_output --regexp 'Drill +n8n\.queue of .*12_n8n \(practice\)'
  assert_output --partial 'Deployment n8n-practice/n8n-worker is scaled to 0 by a drill, which gives it its 2 pods back'
  run -0 kit --module 9 --status
  assert_output --regexp 'Drill +n8n\.queue of'
  run -0 kit --module 12 --verify
  assert_output --partial 'a drill had taken them'
  assert_equal "$(workers)" 2
  run -0 kubectl get deployment n8n-worker --namespace n8n-practice -o yaml
  refute_output --partial 'drill-replicas'
  run -0 kit --module 12 --status
  refute_output --partial 'Drill'
}

# let_names_and_pods_in: whatever the tests below took away.
let_names_and_pods_in() {
  kubectl uncordon --selector kubernetes.io/hostname
  [[ $(kubectl get deployment coredns --namespace kube-system -o 'jsonpath={.spec.replicas}') != 0 ]] ||
    kubectl scale deployment coredns --namespace kube-system --replicas=1
  kubectl rollout status deployment/coredns --namespace kube-system --timeout=90s
  for _ in {1..60}; do [[ $(ready_names) == 0 ]] || break; sleep 0.5; done
} >&2

# ready_names: how many pods answer for names.
ready_names() {
  kubectl get endpointslices --namespace kube-system --selector kubernetes.io/service-name=kube-dns \
    -o 'jsonpath={range .items[*].endpoints[*]}{.conditions.ready}{"\n"}{end}' | grep -c true || true
}

# bats test_tags=long
@test "CoreDNS scaled to 0: no module is called healthy, an install refuses with the command that brings it back: exit 3" {
  local looked=0 installed=0
  before=$(versions_of_objects)
  kubectl scale deployment coredns --namespace kube-system --replicas=0
  for _ in {1..60}; do [[ $(ready_names) != 0 ]] || break; sleep 0.5; done
  kit --module 9,12 --status >"$BATS_TEST_TMPDIR/status" 2>&1 || looked=$?
  kit --module 12 --yes >"$BATS_TEST_TMPDIR/install" 2>&1 || installed=$?
  let_names_and_pods_in
  run cat "$BATS_TEST_TMPDIR/status"
  refute_output --regexp 'Now +healthy'
  assert_equal "$(grep -c 'Deployment kube-system/coredns is scaled to 0: pods resolve no names' "$BATS_TEST_TMPDIR/status")" 2
  run cat "$BATS_TEST_TMPDIR/install"
  assert_output --partial 'the cluster is not healthy now'
  assert_output --partial 'kubectl --namespace kube-system scale deployment/coredns --replicas=1'
  assert_output --partial 'Nothing was written.'
  assert_equal "$looked $installed" '0 3'
  assert_equal "$(versions_of_objects)" "$before"
  run -0 kit --module 9,12 --status
  refute_output --partial 'degraded'
}

# bats test_tags=long
@test "a cordon is named with its end by --status; with every node cordoned an install refuses, with the command: exit 3" {
  local node code=0
  node=$(kubectl get pods --namespace n8n-practice -o 'jsonpath={.items[0].spec.nodeName}')
  kubectl cordon "$node"
  kit --module 12 --status >"$BATS_TEST_TMPDIR/status" 2>&1
  kubectl cordon --selector kubernetes.io/hostname
  kit --module 12 --yes >"$BATS_TEST_TMPDIR/install" 2>&1 || code=$?
  let_names_and_pods_in
  run cat "$BATS_TEST_TMPDIR/status"
  assert_output --regexp 'Now +healthy'
  assert_output --partial "Node $node is cordoned: it takes no new pods; kubectl uncordon $node"
  run cat "$BATS_TEST_TMPDIR/install"
  assert_output --partial 'no node that takes pods is Ready'
  assert_output --regexp 'next: kubectl uncordon practice-'
  assert_equal "$code" 3
}

# bats test_tags=long
@test "pods that came to stand on one node: the check fails while another has room, and a run brings them apart" {
  kubectl cordon practice-worker-02
  kubectl delete pods --namespace n8n-practice --selector app.kubernetes.io/component=worker
  kubectl rollout status deployment/n8n-worker --namespace n8n-practice --timeout=90s
  kubectl uncordon practice-worker-02
  run -10 kit --module 12 --verify
  assert_output --partial 'every worker is on practice-worker-01, and practice-worker-02 has room'
  run -4 kit --module 12 --plan
  assert_output --partial '- Pod n8n-practice/n8n-worker-'
  run -0 kit --module 12 --yes
  assert_output --regexp 'the 2 pods of Deployment n8n-practice/n8n-worker share practice-worker-01, and practice-worker-02 has room: n8n-worker-[^ ]+ was evicted'
  run -0 kit --module 12 --verify
  refute_output --partial 'n8n.spread'
}

# bats test_tags=long
@test "drills are refused while a check fails: nothing is broken on top" {
  kubectl delete service n8n-webhook --namespace n8n-practice
  run -10 kit --module 12 --drill --confirm n8n
  refute_output --partial 'n8n.credential'
  assert_equal "$(kubectl get deployment n8n-worker --namespace n8n-practice -o 'jsonpath={.spec.replicas}')" 2
  run -0 kit --module 12 --status
  assert_output --regexp 'Checks +1[0-4] of 15 passed'
  run -0 kit --module 12 --yes
}

# bats test_tags=long
@test "module 9 cannot be uninstalled while module 12 stands on it: exit 5" {
  run -5 kit --module 9 --uninstall --confirm k3s
  assert_output --partial '12_n8n (practice)'
}

@test "--uninstall: wants its name; deletes newest first; says what stays; twice is once; a new install finds its data" {
  kubectl label service n8n --namespace n8n-practice --overwrite app.kubernetes.io/managed-by=Helm
  run -4 --separate-stderr kit --module 12 --uninstall --plan
  assert_line '  - Ingress n8n-practice/n8n'
  run -2 kit --module 12 --uninstall --yes
  assert_output --partial 'add --confirm n8n'
  owner=$(sql 'select id from twin_owner' n8n_practice)
  run -0 kit --module 12 --uninstall --confirm n8n
  assert_output --regexp 'Kept +PostgreSQL .* database and role n8n_practice'
  run -0 kubectl get all,secrets,ingresses --namespace n8n-practice --selector keybuzz.io/module=12_n8n -o name
  assert_output ''
  run -0 kit --module 12 --uninstall --confirm n8n
  assert_output --partial 'is not installed'
  run -0 kit --module 12 --status
  assert_output --regexp 'Now +not installed'
  run -0 kit --module 12 --yes
  assert_equal "$(sql 'select id from twin_owner' n8n_practice)" "$owner"
}
