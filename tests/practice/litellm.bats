#!/usr/bin/env bats
# Module 15 from end to end on the platform. In place of LiteLLM a contract server, on its own tables in PostgreSQL and on
# the real Redis; in place of Qdrant a small server over its real engine. The program of the checks is the real one, in a
# real Python.

setup_file() {
  load helper
  load litellm
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  cp -p "$credentials/15_llm.models.yml" "$BATS_FILE_TMPDIR/models.yml"
  forget_llm
  ensure_ground
  ensure_volume
  give_files
}

teardown_file() {
  load helper
  load litellm
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
  cp -p "$BATS_FILE_TMPDIR/models.yml" "$credentials/15_llm.models.yml"
  forget_llm
}

setup() {
  load helper
  load litellm
}

teardown() {
  end_background
  explain_failure llm-practice
}

# with_file NAME SED COMMAND...: that file of the operator changed; the original comes back afterwards.
with_file() {
  cp -p "$credentials/$1" "$BATS_TEST_TMPDIR/saved"
  sed -i -E "$2" "$credentials/$1"
  run "${@:3}"
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/$1"
}

# sends_nothing: a run that finds everything as it should be, and changes no object.
sends_nothing() {
  local before
  before=$(llm_state)
  run -0 llm
  assert_output --partial 'nothing to do'
  assert_equal "$(llm_state)" "$before"
}

nothing_written() {
  assert_equal "$(sql "select count(*) from pg_database where datname = 'llm_practice'")" 0
  run -1 kubectl get namespace llm-practice
}

# bats test_tags=long
@test "a misspelt field, a key set nowhere, an empty file: exit 2 with line and column, before any write" {
  with_file 15_llm.models.yml 's/    model:/    modell:/' llm
  assert_equal "$status" 2
  assert_output --regexp '15_llm\.models\.yml:[0-9]+:5: models\[0\]\.modell is not known there: did you mean model\?'
  with_file 15_llm.models.yml 's/PRACTICE_KEY/ABSENT_KEY/; /alias: practice/a\    key: ABSENT_KEY' llm
  assert_equal "$status" 2
  assert_output --partial 'it needs ABSENT_KEY, which is in no settings file'
  with_file 15_llm.models.yml 'd' llm
  assert_equal "$status" 2
  assert_output --partial '15_llm.models.yml: it is empty'
  nothing_written
}

# bats test_tags=long
@test "a model that gets its key unencrypted is a warning of the plan" {
  with_file 15_llm.models.yml 's,http://llm-checks:8080,http://192.0.2.50:8080,; /alias: practice/a\    key: PRACTICE_KEY' llm --plan
  assert_equal "$status" 4
  assert_output --partial 'model practice at 192.0.2.50:8080 is not encrypted'
  nothing_written
}

# bats test_tags=long
@test "a version an intruder published: exit 2 by name, before any write" {
  cp -p "$credentials/versions.json" "$BATS_TEST_TMPDIR/versions"
  use_llm 1.107.0
  run llm
  cp -p "$BATS_TEST_TMPDIR/versions" "$credentials/versions.json"
  assert_equal "$status" 2
  assert_output --partial 'was published by an intruder in October 2026: replace every key it saw'
  nothing_written
}

@test "install, killed after one of its writes: the next run goes on, its Jobs are done, and its checks pass" {
  killed_once 8 ./00_master_install.mjs --env practice --module 15 --yes
  run -0 llm
  assert_output --partial 'checks passed'
  run -0 llm_jobs
  assert_line --regexp '^litellm-migrate-.* 1$'
  assert_line --regexp '^litellm-validate-.* 1$'
}

@test "what it made: LiteLLM on both workers, Qdrant with a bound volume, tables of its own role" {
  run -0 kubectl get pods --namespace llm-practice -l app.kubernetes.io/component=proxy -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}'
  assert_equal "$(sort -u <<<"$output" | wc -l)" 2
  run -0 kubectl get persistentvolumeclaim qdrant-storage --namespace llm-practice -o 'jsonpath={.status.phase}'
  assert_output Bound
  assert_equal "$(sql "select rolsuper from pg_roles where rolname = 'llm_practice'")" f
  assert [ "$(sql "select count(*) from pg_tables where tablename like 'LiteLLM_%'" llm_practice)" -gt 40 ]
  assert_equal "$(sql "select distinct tableowner from pg_tables where schemaname = 'public'" llm_practice)" llm_practice
}

@test "Qdrant is called what it is, in the first line of its log and in the report" {
  run -0 --separate-stderr kubectl logs qdrant-0 --namespace llm-practice
  assert_line --index 0 --regexp '^STAND-IN of Qdrant 1\.19\.0: a small HTTP server over the real engine \(qdrant-edge 0\.9\.0\)$'
  run -0 cat validation/practice/MODULE15_VALIDATION.md
  assert_output --partial '(qdrant): A stand-in over the real engine (qdrant-edge 0.9.0)'
}

# bats test_tags=long
@test "LiteLLM is called what it is, in the first line of its log and in the report" {
  run -0 --separate-stderr kubectl logs deployment/litellm --namespace llm-practice
  assert_line --index 0 --partial 'STAND-IN of LiteLLM 1.108.14'
  run -0 cat validation/practice/MODULE15_VALIDATION.md
  assert_output --partial 'Met: a stand-in, not the real program** (litellm): A contract server: it logs in and answers as the application would, and is not it'
}

@test "no key is in a ConfigMap, a pod's arguments, the report or the log" {
  for key in LITELLM_MASTER_KEY LITELLM_SALT_KEY LITELLM_POSTGRES_PASSWORD QDRANT_API_KEY REDIS_PASSWORD; do
    secret=$(setting "$key" | head -n 1)
    [[ -n $secret ]]
    run grep -cF -e "$secret" <(kubectl get configmaps,deployments,statefulsets,jobs --namespace llm-practice -o yaml)
    assert_output 0
    run grep -lF -e "$secret" validation/practice/MODULE15_VALIDATION.md validation/practice/MODULE15_VALIDATION.json
    assert_output ''
  done
}

@test "a second install sends nothing and runs no Job again" {
  before=$(llm_state)
  run -0 llm
  assert_output --partial 'nothing to do'
  assert_equal "$(llm_state)" "$before"
}

# bats test_tags=long
@test "a service of the operator answers by its own name; LiteLLM’s health and metrics do not by theirs" {
  asked_host=echo.practice.example.com
  run -0 ask /
  assert_output --partial 'KeyBuzz 1.4.0'
  asked_host=llm.practice.example.com
  for path in /health /health/readiness /metrics /ui/; do
    run -0 ask "$path" --output /dev/null --write-out '%{http_code}'
    assert_output 404
  done
}

# bats test_tags=long
@test "lost settings and files are adopted from the cluster: nobody is locked out" {
  before=$(sort "$credentials"/15_llm.*)
  rm "$credentials"/15_llm.*
  run -0 scripts/15_llm/15_llm_00_setup_credentials.mts --env practice
  assert_equal "$(sort "$credentials"/15_llm.*)" "$before"
}

# bats test_tags=long
@test "another salt key in the file: exit 5 before anything is written" {
  before=$(llm_state)
  with_setting "$credentials/15_llm.env" LITELLM_SALT_KEY 0000000000000000000000000000000000000000 llm
  assert_equal "$status" 5
  assert_output --partial 'LITELLM_SALT_KEY is not the value the cluster runs with'
  assert_equal "$(llm_state)" "$before"
}

# bats test_tags=long
@test "a master key that leaked: in the file alone exit 5; by the answers file the new one is let in and the old one is not" {
  old=$(setting LITELLM_MASTER_KEY)
  new=sk-$(head -c 24 /dev/urandom | base64 -w0 | tr '+/' ab)
  migrated=$(llm_jobs | grep migrate)
  with_setting "$credentials/15_llm.env" LITELLM_MASTER_KEY "$new" llm
  assert_equal "$status" 5
  assert_output --partial 'give the new one in this run: --answers FILE'
  refute_output --partial "$new"
  printf "LITELLM_MASTER_KEY='%s'\n" "$new" | install -m 600 /dev/stdin "$BATS_TEST_TMPDIR/answers"
  run -0 llm --answers "$BATS_TEST_TMPDIR/answers"
  refute_output --partial "$new"
  assert_output --partial 'checks passed'
  assert_equal "$(setting LITELLM_MASTER_KEY)" "$new"
  asked_host=llm.practice.example.com
  assert_equal "$(ask /v1/models --header "$(key_header "$new")" --output /dev/null --write-out '%{http_code}')" 200
  assert_equal "$(ask /v1/models --header "$(key_header "$old")" --output /dev/null --write-out '%{http_code}')" 401
  assert_equal "$(llm_jobs | grep migrate)" "$migrated"
}

# bats test_tags=long
@test "another list of models: read by its own Job, rolled pod by pod while callers are answered; nothing is migrated" {
  migrated=$(llm_jobs | grep migrate)
  asked_host=llm.practice.example.com
  header=$(key_header "$(setting LITELLM_MASTER_KEY)")
  (while :; do ask /v1/models --header "$header" --output /dev/null --write-out '%{http_code}\n'; sleep 0.2; done >"$BATS_TEST_TMPDIR/codes") &
  caller=$!
  printf '  - { alias: second, model: openai/second, key: PRACTICE_KEY, base: "http://llm-checks:8080/v1" }\n' >>"$credentials/15_llm.models.yml"
  run llm
  kill "$caller"
  assert_equal "$status" 0
  assert [ "$(wc -l <"$BATS_TEST_TMPDIR/codes")" -gt 10 ]
  assert_equal "$(sort -u "$BATS_TEST_TMPDIR/codes")" 200
  assert_equal "$(llm_jobs | grep migrate)" "$migrated"
  assert_equal "$(llm_jobs | grep -c validate)" 1
  run -0 kubectl get configmaps --namespace llm-practice -o name
  assert_equal "$(grep -c litellm-config <<<"$output")" 1
}

# bats test_tags=long
@test "a volume does not shrink: exit 5, and nothing of it is lost" {
  run llm --set QDRANT_STORAGE=5Gi
  assert_equal "$status" 5
  assert_output --partial 'QDRANT_STORAGE says 5Gi, its volume claim llm-practice/qdrant-storage is 10Gi: volumes do not shrink'
  assert_equal "$(setting QDRANT_STORAGE)" 10Gi
  run -0 llm
}

# bats test_tags=long
@test "Redis away: the run names it as the cause, and the report that each pod counts the limits of models alone" {
  in_backend 'systemctl stop redis-server'
  run kit --module 15 --verify
  in_backend 'systemctl start redis-server'
  assert_equal "$status" 10
  assert_output --partial 'Redis 10.77.0.10:6379 cannot be reached'
  assert_output --partial 'not asked, because of that: litellm.key, litellm.limits'
  run -0 grep -F 'litellm.limits' validation/practice/MODULE15_VALIDATION.md
  assert_output --partial 'limits are counted per pod: Redis is not reached'
  run -0 kit --module 15 --verify
}

# bats test_tags=long
@test "drills pass: the salt key survives every pod of LiteLLM, a point the pod of Qdrant" {
  run -0 kit --module 15 --drill --confirm llm
  assert_output --partial 'litellm.salt'
  assert_output --partial 'qdrant.restart'
}

# stored_values: of the credential by which the check sees the salt key, as they are in the table.
stored_values() { sql "SELECT credential_values->>'mark' FROM \"LiteLLM_CredentialsTable\" WHERE credential_name = 'keybuzz-salt'" llm_practice; }

# bats test_tags=long
@test "rows of another salt key, as after a restored dump: the check says so; without its row the key of today counts" {
  assert_regex "$(stored_values)" '^v2:gcm:'
  theirs=$(sealed_with another-salt-key-of-another-environment 'encrypted with the salt key of this database')
  sql "UPDATE \"LiteLLM_CredentialsTable\" SET credential_values = jsonb_build_object('mark', '$theirs') WHERE credential_name = 'keybuzz-salt'" llm_practice
  run -10 kit --module 15 --verify
  assert_output --partial 'LITELLM_SALT_KEY is not the one it was stored with'
  assert_output --partial 'README of module 15, "Another salt key"'
  run -0 --separate-stderr kubectl logs --namespace llm-practice --selector app.kubernetes.io/component=proxy --tail=-1
  assert_output --partial 'Error decrypting value for key: mark'
  refute_output --partial "$(setting LITELLM_SALT_KEY)"
  asked_host=llm.practice.example.com
  run -0 ask /credentials/keybuzz-salt --request DELETE --header "$(key_header "$(setting LITELLM_MASTER_KEY)")"
  run -0 kit --module 15 --verify
  assert_regex "$(stored_values)" '^v2:gcm:'
  assert_not_equal "$(stored_values)" "$theirs"
}

# bats test_tags=long
@test "another module or environment with its Redis database: exit 5, before any write" {
  rm -rf credentials/blue && install -d -m 700 credentials/blue
  cp -p "$credentials"/{platform.env,versions.json,kubeconfig,cluster.env,15_llm.models.yml,15_llm.keys.env} credentials/blue/
  run ./00_master_install.mjs --env blue --module 15 --yes --set LITELLM_HOST=llm.blue.example.com
  rm -rf {credentials,logs,validation}/blue
  assert_equal "$status" 5
  assert_output --partial 'practice/15_llm'
  assert_equal "$(sql "select count(*) from pg_database where datname = 'llm_blue'")" 0
}

# bats test_tags=long
@test "an upgrade wants a dump; one that leaves the schema alone can be rolled back" {
  use_llm 1.108.15
  before=$(llm_state)
  run -3 llm --upgrade
  assert_output --partial 'llm.dump is not there'
  assert_output --partial 'pg_dump --format=custom'
  assert_equal "$(llm_state)" "$before"
  dump_llm
  run -0 llm --upgrade
  assert_equal "$(llm_image)" keybuzz-practice/litellm:1.108.15
  run -0 kit --module 15 --rollback
  assert_equal "$(llm_image)" keybuzz-practice/litellm:1.108.14
}

# bats test_tags=long
@test "a migration that fails: its line and what it means, exit 9, the old pods keep serving; the next run makes it again" {
  use_llm 1.109.0
  sql 'CREATE TABLE practice_moved (id int); ALTER TABLE practice_moved OWNER TO llm_practice' llm_practice
  run -9 llm --upgrade
  assert_output --partial 'job/litellm-migrate-'
  assert_output --partial 'P3018'
  assert_equal "$(llm_image)" keybuzz-practice/litellm:1.108.14
  sql 'DROP TABLE practice_moved' llm_practice
  run -9 llm --upgrade
  assert_output --partial 'A migration failed before'
  sql 'UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL' llm_practice
  run -0 llm --upgrade
  assert_equal "$(llm_image)" keybuzz-practice/litellm:1.109.0
}

# bats test_tags=long
@test "across the schema that moved a rollback is refused, exit 5, with the commands that restore" {
  run -5 kit --module 15 --rollback 1
  assert_output --partial 'the database has moved on'
  assert_output --partial 'llm.dump was made'
  assert_output --partial 'pg_restore'
}

@test "uninstall deletes the Jobs too, and keeps database and volume; it says so" {
  run -0 kit --module 15 --uninstall --confirm llm
  assert_output --partial 'volume claim qdrant-storage'
  run -0 of_llm jobs,deployments,statefulsets,secrets,configmaps,ingresses name
  assert_output ''
  run -0 kubectl get persistentvolumeclaim qdrant-storage --namespace llm-practice -o name
  assert_equal "$(sql "select count(*) from pg_database where datname = 'llm_practice'")" 1
}

# bats test_tags=long
@test "install, killed after each write: the next run goes on, and when one got through the one after it sends nothing" {
  use_llm 1.108.14
  forget_llm
  ensure_volume
  give_files
  die_at_each_write 8 15 --yes
  sends_nothing
}

# bats test_tags=long
@test "upgrade, killed after each write" {
  use_llm 1.108.15
  dump_llm
  die_at_each_write 3 15 --upgrade --yes
  assert_equal "$(llm_image)" keybuzz-practice/litellm:1.108.15
  assert_equal "$(llm_jobs | grep -c migrate)" 1
  sends_nothing
}

# bats test_tags=long
@test "rollback, killed after each write" {
  # Named: without a number, a rollback that got through is itself what the next one would go back from.
  die_at_each_write 2 15 --rollback 1
  assert_equal "$(llm_image)" keybuzz-practice/litellm:1.108.14
  # A rollback forgets the Jobs: the next install runs those of its version again, and the one after it sends nothing.
  run -0 llm
  sends_nothing
}

# bats test_tags=long
@test "uninstall, killed after each write; then only database and volume are left, and the next one has nothing to do" {
  die_at_each_write 2 15 --uninstall --confirm llm
  run -0 of_llm jobs,deployments,statefulsets,secrets,configmaps,ingresses name
  assert_output ''
  run -0 kubectl get persistentvolumeclaim qdrant-storage --namespace llm-practice -o name
  assert_equal "$(sql "select count(*) from pg_database where datname = 'llm_practice'")" 1
  run -0 kit --module 15 --uninstall --confirm llm
  assert_output --partial 'is not installed in practice'
}
