#!/usr/bin/env bats
# Module 12 from end to end on the platform, with the quick stand-in of n8n. About 110 s on 2 cores.

setup_file() {
  load helper
  forget_n8n
  run_all || ensure_ground
}

setup() { load helper; }

teardown() {
  end_background
  [[ -z ${watcher:-} ]] || kill "$watcher"
  explain_failure n8n-practice
}

# recording_kubectl: a kubectl that writes its arguments down before it does its work.
recording_kubectl() {
  printf '#!/usr/bin/env bash\nprintf "%%s\\n" "$*" >>"%s"\nexec "%s" kubectl "$@"\n' \
    "$BATS_FILE_TMPDIR/arguments" "$(k3s_program)" >"$BATS_FILE_TMPDIR/kubectl"
  chmod +x "$BATS_FILE_TMPDIR/kubectl"
  export KEYBUZZ_KUBECTL=$BATS_FILE_TMPDIR/kubectl
}

# bats test_tags=long
@test "the gate: module 12 does not begin before module 9 was validated, exit 3" {
  kubectl delete secrets --namespace keybuzz-system --all --ignore-not-found
  rm -f "$credentials/cluster.env"
  run -3 kit --module 12 --yes
  assert_output --partial 'module 9 K3s HA core is not validated on this cluster'
  assert_output --partial '--module 9'
}

# bats test_tags=long
@test "module 9 --verify adopts a cluster that is already there, without SSH" {
  run -0 kit --module 9 --verify
  assert_output --regexp '✓ [0-9]+ checks passed, [0-9]+ warnings'
  run -0 grep -m1 '^# 9 K3s HA core: passed' validation/practice/MODULE09_VALIDATION.md
}

@test "module 12 --plan on an empty cluster: everything is new, exit 4, nothing is written" {
  run -4 --separate-stderr kit --module 12 --plan
  assert_line '  + PostgreSQL database n8n_practice'
  assert_line '  + Deployment n8n-practice/n8n-worker'
  assert_line '  + Ingress n8n-practice/n8n'
  run -1 kubectl get namespace n8n-practice
  assert_equal "$(sql "select count(*) from pg_database where datname = 'n8n_practice'")" 0
  [[ ! -e $credentials/12_n8n.env ]]
}

@test "module 12 installs and is validated; no secret on any command line, screen, log, report or process" {
  recording_kubectl
  (while :; do ps -eo args; sleep 0.3; done >"$BATS_FILE_TMPDIR/processes") &
  watcher=$!
  run -0 kit --module 12 --yes
  kill "$watcher"
  watcher=''
  assert_output --partial 'checks passed'
  printf '%s\n' "$output" >"$BATS_FILE_TMPDIR/screen"
  log=$(sed -nE 's/^ *log +//p' <<<"$output" | tail -n 1)
  assert_equal "$(stat -c %a "$log")" 600
  for key in POSTGRES_PASSWORD REDIS_PASSWORD N8N_ENCRYPTION_KEY N8N_OWNER_PASSWORD N8N_RUNNERS_AUTH_TOKEN N8N_POSTGRES_PASSWORD; do
    secret=$(setting "$key" | head -n 1)
    [[ -n $secret ]]
    run grep -lF -e "$secret" -e "$(printf %s "$secret" | base64 -w0)" "$BATS_FILE_TMPDIR"/{arguments,processes,screen} "$log" \
      validation/practice/MODULE12_VALIDATION.md validation/practice/MODULE12_VALIDATION.json
    assert_output ''
  done
}

@test "what module 12 made: Deployments on both workers, no StatefulSet, no volume claim" {
  run -0 kubectl get statefulsets,persistentvolumeclaims --namespace n8n-practice -o name
  assert_output ''
  for component in webhook worker; do
    run -0 kubectl get pods --namespace n8n-practice -l "app.kubernetes.io/component=$component" -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}'
    assert_equal "$(sort -u <<<"$output" | wc -l)" 2
  done
}

@test "the report: verdict first, what was met, every check with what was seen" {
  run -0 cat validation/practice/MODULE12_VALIDATION.md
  assert_line --index 0 --regexp '^# 12 n8n workflows: passed'
  assert_output --partial '(n8n.webhook)'
  assert_output --regexp 'Met: (a stand-in|the real program)'
  assert_output --partial 'Not proven'
  run -0 node -e "const r = JSON.parse(require('fs').readFileSync('validation/practice/MODULE12_VALIDATION.json')); console.log(r.outcomes.length, r.verdict)"
  assert_output --regexp '^15 passed'
}

@test "a second install sends nothing and changes nothing" {
  before=$(versions_of_objects; sha256sum "$credentials"/*.env)
  run -0 kit --module 12 --yes
  assert_output --partial 'nothing sent'
  assert_output --partial 'nothing to do, revision 1 is current'
  refute_output --partial 'created'
  assert_equal "$(versions_of_objects; sha256sum "$credentials"/*.env)" "$before"
}

# bats test_tags=long
@test "--plan on what is installed: exit 0; a changed setting is shown field by field, exit 4, and nothing is written" {
  run -0 --separate-stderr kit --module 12 --plan
  assert_line '  14 unchanged'
  before=$(versions_of_objects; sha256sum "$credentials"/*.env)
  run -4 --separate-stderr kit --module 12 --plan --set N8N_WEBHOOKS_MAX=3
  assert_line '  ~ HorizontalPodAutoscaler n8n-practice/n8n-webhook'
  assert_line --regexp 'spec.maxReplicas +4 -> 3'
  assert_equal "$(versions_of_objects; sha256sum "$credentials"/*.env)" "$before"
}

# bats test_tags=long
@test "a single step does the same as the whole" {
  run -0 scripts/12_n8n/12_n8n_02_configure_ingress.mts --env practice
  assert_output --partial '1 objects unchanged, nothing sent'
  run -0 scripts/12_n8n/12_n8n_03_tests.mts --env practice
  assert_output --partial 'checks passed'
}

# bats test_tags=long
@test "lost settings are adopted from the cluster: nobody is locked out" {
  before=$(sort "$credentials/12_n8n.env")
  rm "$credentials/12_n8n.env"
  run -0 scripts/12_n8n/12_n8n_00_setup_credentials.mts --env practice
  assert_equal "$(sort "$credentials/12_n8n.env")" "$before"
}

# refuses_lost COMMAND...: a run that names the lost setting, and writes nothing.
refuses_lost() {
  run "$@"
  assert_equal "$status" 5
  assert_output --partial "N8N_WORKERS_MAX='5'"
  assert_output --partial 'Nothing was written.'
}

# bats test_tags=long
@test "a setting that its file lost: --plan shows it, a run is exit 5 before it writes; the command it names saves it again" {
  local was
  was=$(setting N8N_WORKERS_MAX)
  kit --module 12 --yes --set N8N_WORKERS_MAX=5
  cp -p "$credentials/12_n8n.env" "$BATS_TEST_TMPDIR/saved"
  sed -i '/^N8N_WORKERS_MAX=/d' "$credentials/12_n8n.env"
  before=$(versions_of_objects)
  run kit --module 12 --plan
  assert_equal "$status" 4
  assert_output --partial "N8N_WORKERS_MAX='5'"
  refuses_lost kit --module 12 --yes
  refuses_lost scripts/12_n8n/12_n8n_00_setup_credentials.mts --env practice
  refuses_lost scripts/12_n8n/12_n8n_01_deploy.mts --env practice
  run -0 kit --module 12 --verify
  assert_equal "$(versions_of_objects)" "$before"
  run -0 ./00_master_install.mjs --module 12 --env practice --set N8N_WORKERS_MAX=5
  assert_output --partial 'nothing to do'
  assert_equal "$(sort "$credentials/12_n8n.env")" "$(sort "$BATS_TEST_TMPDIR/saved")"
  kit --module 12 --yes --set "N8N_WORKERS_MAX=$was"
}

# bats test_tags=long
@test "the checksum of pods is keyed: its key is one Secret, which only those can read who may read the secrets" {
  run kubectl get deployment n8n --namespace n8n-practice -o 'jsonpath={.spec.template.metadata.annotations.keybuzz\.io/checksum}'
  assert_output --regexp '^hmac_[0-9a-f]{20}$'
  run kubectl get secret checksum-key --namespace keybuzz-system -o 'jsonpath={.type}'
  assert_output keybuzz.io/checksum-key
}

# bats test_tags=long
@test "another encryption key in the file: exit 5 before anything is written" {
  cp -p "$credentials/12_n8n.env" "$BATS_TEST_TMPDIR/saved"
  sed -i -E "s/^(N8N_ENCRYPTION_KEY)=.*/\1='0000000000000000000000000000000000000000000000000000000000000000'/" "$credentials/12_n8n.env"
  before=$(versions_of_objects)
  run kit --module 12 --yes
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/12_n8n.env"
  assert_equal "$status" 5
  assert_output --partial 'N8N_ENCRYPTION_KEY is not the value the cluster runs with'
  assert_output --partial 'It can never be replaced'
  assert_equal "$(versions_of_objects)" "$before"
}

@test "an operator's hand edit: exit 5 with field, object, owner and both values, before any write" {
  kubectl patch horizontalpodautoscalers n8n-webhook --namespace n8n-practice --field-manager=kubectl-edit --type=merge -p '{"spec":{"maxReplicas":9}}'
  kubectl scale deployment n8n --namespace n8n-practice --replicas 2
  before=$(versions_of_objects)
  run -5 kit --module 12 --yes
  assert_output --partial 'spec.maxReplicas of HorizontalPodAutoscaler n8n-practice/n8n-webhook is owned by kubectl-edit (9), ours is 4'
  assert_output --partial 'spec.replicas of Deployment n8n-practice/n8n is owned by kubectl (2), ours is 1'
  assert_equal "$(versions_of_objects)" "$before"
  run -0 kit --module 12 --yes --force-conflicts
  run -0 kubectl get horizontalpodautoscalers/n8n-webhook deployment/n8n --namespace n8n-practice -o 'jsonpath={.items[*].spec.maxReplicas} {.items[*].spec.replicas}'
  assert_output '4 1'
}

# bats test_tags=long
@test "rights the role was given, and a database open to all: in the plan field by field, and taken away; a membership: exit 5" {
  sql 'ALTER ROLE n8n_practice SUPERUSER BYPASSRLS'
  sql 'GRANT CONNECT ON DATABASE n8n_practice TO PUBLIC'
  run -4 --separate-stderr kit --module 12 --plan
  assert_output --partial 'SUPERUSER -> NOSUPERUSER'
  assert_output --partial 'CONNECT of every role   granted -> revoked'
  run -0 kit --module 12 --yes
  assert_equal "$(sql "select rolsuper or rolbypassrls from pg_roles where rolname = 'n8n_practice'")" f
  assert_equal "$(sql "select has_database_privilege('public', 'n8n_practice', 'CONNECT')")" f
  sql 'GRANT pg_read_all_data TO n8n_practice'
  run kit --module 12 --yes
  sql 'REVOKE pg_read_all_data FROM n8n_practice'
  assert_equal "$status" 5
  assert_output --partial 'has the rights of pg_read_all_data too'
}

# bats test_tags=long
@test "a view in the application's database runs with the owner's rights, never with the superuser's" {
  as_owner() {
    in_backend "export PGPASSWORD='$(setting N8N_POSTGRES_PASSWORD)'
      psql -h 10.77.0.10 -U n8n_practice -v ON_ERROR_STOP=1 n8n_practice <<'SQL'
$1
SQL"
  }
  as_owner "ALTER TABLE migrations RENAME TO migrations_before;
    CREATE FUNCTION climb() RETURNS text LANGUAGE plpgsql AS 'begin execute \$c\$ALTER ROLE n8n_practice SUPERUSER\$c\$; return 1; end';
    CREATE VIEW migrations AS SELECT 1 AS id, climb() AS name;"
  run kit --module 12 --yes --set N8N_WEBHOOKS_MAX=3
  as_owner 'DROP VIEW migrations; DROP FUNCTION climb(); ALTER TABLE migrations_before RENAME TO migrations'
  assert_equal "$(sql "select rolsuper from pg_roles where rolname = 'n8n_practice'")" f
  assert_equal "$status" 8
  run -0 kit --module 12 --yes --set N8N_WEBHOOKS_MAX=4
}

# bats test_tags=long
@test "an object of another step's label: exit 5" {
  kubectl label ingress n8n --namespace n8n-practice --overwrite keybuzz.io/step=99_other
  run kit --module 12 --yes
  # Not labelled back: the label would stay kubectl's. The next run makes another.
  kubectl delete ingress n8n --namespace n8n-practice
  assert_equal "$status" 5
  assert_output --partial 'Ingress n8n-practice/n8n belongs to practice/12_n8n_99_other'
}

# bats test_tags=long
@test "an object with the kit's labels that no revision names is left alone and named, whatever the kit does" {
  kubectl create namespace n8n-restored
  for namespace in n8n-practice n8n-restored; do
    kubectl create configmap copy --namespace "$namespace"
    kubectl label configmap copy --namespace "$namespace" app.kubernetes.io/managed-by=keybuzz \
      keybuzz.io/module=12_n8n keybuzz.io/env=practice keybuzz.io/step=01_deploy
  done
  run -0 kit --module 12 --yes
  assert_output --partial 'ConfigMap n8n-practice/copy has the labels of this module and is in none of its revisions'
  run -4 --separate-stderr kit --module 12 --uninstall --plan
  refute_output --partial copy
  run -0 kubectl get configmap copy --namespace n8n-restored
  kubectl delete namespace n8n-restored --timeout=60s
  kubectl delete configmap copy --namespace n8n-practice
}

# bats test_tags=long
@test "a damaged revision Secret is named with the command that removes it, and stops nothing" {
  kubectl create secret generic revision-practice-12-n8n-99 --namespace keybuzz-system --type keybuzz.io/revision --from-literal meta=damaged
  kubectl label secret revision-practice-12-n8n-99 --namespace keybuzz-system app.kubernetes.io/managed-by=keybuzz
  run kit --module 12 --yes
  kubectl delete secret revision-practice-12-n8n-99 --namespace keybuzz-system
  assert_equal "$status" 0
  assert_output --partial 'keybuzz-system/revision-practice-12-n8n-99 cannot be read'
  assert_output --partial 'delete secret revision-practice-12-n8n-99'
}

# bats test_tags=long
@test "another cluster under the same path: exit 5, nothing written" {
  cp -p "$credentials/cluster.env" "$BATS_TEST_TMPDIR/saved"
  sed -i -E "s/^CLUSTER_UID=.*/CLUSTER_UID='00000000-0000-0000-0000-000000000000'/" "$credentials/cluster.env"
  run kit --module 12 --yes
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/cluster.env"
  assert_equal "$status" 5
  assert_output --partial 'leads to another cluster than before'
}

# bats test_tags=long
@test "a namespace that is being deleted: exit 5, with how to look at it" {
  kubectl create namespace n8n-stuck
  kubectl patch namespace n8n-stuck --type=merge -p '{"metadata":{"finalizers":["example.com/never"]}}'
  kubectl create configmap held --namespace n8n-stuck
  kubectl patch configmap held --namespace n8n-stuck --type=merge -p '{"metadata":{"finalizers":["example.com/never"]}}'
  kubectl delete namespace n8n-stuck --wait=false
  copy=credentials/stuck
  rm -rf "$copy" && cp -rp "$credentials" "$copy" && rm -f "$copy/12_n8n.env"
  run ./00_master_install.mjs --env stuck --module 12 --yes --set N8N_REDIS_DB=7 --set N8N_HOST=n8n.stuck.example.com
  kubectl patch configmap held --namespace n8n-stuck --type=merge -p '{"metadata":{"finalizers":null}}'
  kubectl patch namespace n8n-stuck --type=merge -p '{"metadata":{"finalizers":null}}'
  rm -rf "$copy" logs/stuck validation/stuck
  sql 'DROP DATABASE IF EXISTS n8n_stuck' && sql 'DROP ROLE IF EXISTS n8n_stuck'
  redis_command -n 7 FLUSHDB
  assert_equal "$status" 5
  assert_output --partial 'its namespace is being deleted'
}

# bats test_tags=long
@test "image not found: named within seconds, with what to do, and the old pods keep serving" {
  cp -p "$credentials/versions.json" "$BATS_TEST_TMPDIR/saved"
  sed -i -E 's#"image": "keybuzz-practice/n8n[^"]*"#"image": "keybuzz-practice/absent:9.9.9"#' "$credentials/versions.json"
  started=$SECONDS
  run kit --module 12 --yes --upgrade
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/versions.json"
  assert_equal "$status" 9
  assert_output --partial 'keybuzz-practice/absent:9.9.9'
  assert_output --regexp 'deployment/n8n cannot start: image (not found|cannot be pulled)'
  assert [ $((SECONDS - started)) -lt 60 ]
  run -0 kit --module 12 --yes --upgrade
}

# bats test_tags=long
@test "Ctrl-C while a rollout is waited for: exit 130, no process left; the next run goes on" {
  kubectl delete pods --namespace n8n-practice --all --wait=false
  talk=$BATS_TEST_TMPDIR/talk
  in_background "$talk" ./00_master_install.mjs --env practice --module 12 --yes --set N8N_WEBHOOKS_MAX=5
  for _ in {1..150}; do grep -q 'deployment/n8n' "$talk" && break || sleep 0.1; done
  kill -INT "$run"
  ends_with 130
  run pgrep -f 'kubectl.*--watch'
  assert_output ''
  run -0 kit --module 12 --yes --set N8N_WEBHOOKS_MAX=4
}

# bats test_tags=long
@test "a Deployment deleted while it is waited for: exit 5, within seconds" {
  kubectl delete pods --namespace n8n-practice --selector app.kubernetes.io/component=main --wait=false
  talk=$BATS_TEST_TMPDIR/talk
  in_background "$talk" ./00_master_install.mjs --env practice --module 12 --yes --set N8N_OWNER_FIRST_NAME=Again
  until grep -q 'objects: ' "$talk" || ! kill -0 "$run" 2>/dev/null; do sleep 0.05; done
  kubectl delete deployment n8n --namespace n8n-practice
  ends_with 5
  run -0 kit --module 12 --yes
}
