#!/usr/bin/env bats
# Module 13 from end to end on the platform, with the contract server in place of Superset. About 310 s on 2 cores.

setup_file() {
  load helper
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  forget_superset
  ensure_ground
}

teardown_file() {
  load helper
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
  forget_superset
}

setup() { load helper; }

teardown() {
  end_background
  explain_failure superset-practice
}

# superset FLAG...: a run of module 13 that never asks.
superset() { kit --module 13 --yes "$@"; }

# forget_superset: as if module 13 had never been in this environment.
forget_superset() {
  kubectl delete namespace superset-practice --ignore-not-found --timeout=400s
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=13_superset,keybuzz.io/revision-env=practice --ignore-not-found
  sql 'DROP DATABASE IF EXISTS superset_practice WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS superset_practice'
  redis_command -n 3 FLUSHDB
  rm -f "$credentials/13_superset.env" "$credentials/superset.dump"
}

# dump: the database, where an upgrade looks for its dump.
dump() { "$practice" ssh practice-backend-01 'cd / && runuser -u postgres -- pg_dump --format=custom superset_practice' </dev/null >"$credentials/superset.dump"; }

jobs() { kubectl get jobs --namespace superset-practice -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.succeeded}{"\n"}{end}' | sort; }
image() { kubectl get deployment superset --namespace superset-practice -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
use() { sed -i -E "s#(keybuzz-practice/superset):[0-9.]+#\1:$1#" "$credentials/versions.json"; }
# replicas_of NAME
replicas_of() { kubectl get deployment "$1" --namespace superset-practice -o 'jsonpath={.spec.replicas}'; }
tables() { sql "select count(*) from information_schema.tables where table_schema = 'public'" superset_practice; }

# state: everything module 13 owns, by name and version.
state() {
  jobs
  kubectl get deployments,services,secrets,configmaps,ingresses,horizontalpodautoscalers,poddisruptionbudgets --namespace superset-practice \
    --selector keybuzz.io/module=13_superset \
    -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  kubectl get secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=13_superset,keybuzz.io/revision-env=practice \
    -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'
}

# sends_nothing: a run that finds everything as it should be, and changes no object.
sends_nothing() {
  local before
  before=$(state)
  run -0 superset
  assert_output --partial 'nothing to do'
  assert_equal "$(state)" "$before"
}

# bats test_tags=long
@test "an image without the driver: exit 9, what to build, and the database has no table" {
  use 6.1.2
  run -9 superset
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
  assert_output --partial 'job/superset-preflight-'
  assert_output --partial 'no PostgreSQL driver'
  assert_output --partial 'scripts/13_superset/Dockerfile'
  assert_equal "$(tables)" 0
}

# bats test_tags=long
@test "the Redis number of another application: exit 5, before any write" {
  redis_command -n 9 SET theirs 1
  run superset --set SUPERSET_REDIS_DB=9
  redis_command -n 9 FLUSHDB
  sed -i '/^SUPERSET_REDIS_DB=/d' "$credentials/13_superset.env"
  assert_equal "$status" 5
}

@test "install, killed after one of its writes: the next run goes on, its Jobs are done, and its checks pass" {
  killed_once 8 ./00_master_install.mjs --env practice --module 13 --yes
  run -0 superset
  assert_output --partial 'checks passed'
  run -0 jobs
  assert_line --regexp '^superset-migrate-.* 1$'
  assert_line --regexp '^superset-preflight-.* 1$'
}

@test "exactly one beat; web and worker on both nodes; no StatefulSet, no volume claim" {
  run -0 kubectl get pods --namespace superset-practice -l app.kubernetes.io/component=beat --no-headers
  assert_equal "${#lines[@]}" 1
  for component in web worker; do
    run -0 kubectl get pods --namespace superset-practice -l "app.kubernetes.io/component=$component" -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}'
    assert_equal "$(sort -u <<<"$output" | wc -l)" 2
  done
  run -0 kubectl get statefulsets,persistentvolumeclaims --namespace superset-practice -o name
  assert_output ''
}

@test "the report says that a stand-in was met, and what is not proven" {
  run -0 cat validation/practice/MODULE13_VALIDATION.md
  assert_line --index 0 --regexp '^# 13 Superset: passed'
  assert_output --partial 'Met: a stand-in, not the real program'
  assert_output --partial '/version tells the version to everybody'
}

@test "web, worker and beat say in their first log line that they are a stand-in" {
  for part in superset superset-worker superset-beat; do
    run -0 --separate-stderr kubectl logs "deployment/$part" --namespace superset-practice
    assert_line --index 0 --partial 'STAND-IN of Superset 6.1.0'
  done
}

@test "a second install sends nothing and runs no Job again" {
  before=$(state)
  run -0 superset
  assert_output --partial 'nothing to do'
  assert_output --partial 'was done before'
  assert_equal "$(state)" "$before"
}

# bats test_tags=long
@test "a changed setting rolls the pods and not the migration" {
  before=$(jobs | grep migrate)
  run -0 superset --set SUPERSET_QUERY_SECONDS_MAX=120
  assert_equal "$(jobs | grep migrate)" "$before"
}

# bats test_tags=long
@test "the administrator’s password and the key are on no command line of a node while the Job runs" {
  for node in worker-01 worker-02; do
    for key in SUPERSET_ADMIN_PASSWORD SUPERSET_SECRET_KEY SUPERSET_POSTGRES_PASSWORD; do setting "$key"; done | watch_argv "$node"
  done
  kubectl delete jobs --namespace superset-practice --all
  run -0 superset
  for node in worker-01 worker-02; do
    assert_equal "$(seen_in_argv "$node")" 0
    unwatch_argv "$node"
  done
}

# bats test_tags=long
@test "another key in the file: exit 5 before anything is written; a lost file is adopted" {
  before=$(sort "$credentials/13_superset.env")
  with_setting "$credentials/13_superset.env" SUPERSET_SECRET_KEY "$(head -c 42 /dev/zero | base64 -w0)" superset
  assert_equal "$status" 5
  assert_output --partial 'It can never be replaced'
  rm "$credentials/13_superset.env"
  run -5 scripts/13_superset/13_superset_00_setup_credentials.mts --env practice
  assert_output --partial "SUPERSET_QUERY_SECONDS_MAX='120'"
  run -0 scripts/13_superset/13_superset_00_setup_credentials.mts --env practice --set SUPERSET_QUERY_SECONDS_MAX=120
  run -0 grep -F "$(grep ^SUPERSET_SECRET_KEY= <<<"$before")" "$credentials/13_superset.env"
}

# bats test_tags=long
@test "Redis away: no query is taken, and the check says that it is the broker; no pod ends, and the next query completes" {
  in_backend 'systemctl stop redis-server'
  run kit --module 13 --verify
  in_backend 'systemctl start redis-server'
  assert_equal "$status" 10
  assert_output --partial 'superset.sqllab'
  run -0 cat validation/practice/MODULE13_VALIDATION.md
  assert_output --partial 'the broker took no task: the web pods do not reach Redis'
  run -0 kit --module 13 --verify
}

# bats test_tags=long
@test "drills pass: the key after every pod was lost, a query without workers" {
  run -0 kit --module 13 --drill --confirm superset
  assert_output --partial 'superset.key'
  assert_output --partial 'superset.queue'
}

@test "an upgrade takes beat and workers to 0, migrates, and brings them back; it can be rolled back" {
  use 6.1.1
  run -3 superset --upgrade
  assert_output --partial 'superset.dump is not there'
  dump
  in_background "$BATS_TEST_TMPDIR/talk" ./00_master_install.mjs --env practice --module 13 --upgrade --yes
  until_said 'at 0 until the Job is done'
  ends_with 0
  run -0 cat "$BATS_TEST_TMPDIR/talk"
  assert_output --partial 'deployment/superset-beat, deployment/superset-worker at 0 until the Job is done'
  assert_equal "$(image)" keybuzz-practice/superset:6.1.1
  assert_equal "$(replicas_of superset-beat)" 1
  assert [ "$(replicas_of superset-worker)" -ge 2 ]
  run -0 kit --module 13 --rollback
  assert_equal "$(image)" keybuzz-practice/superset:6.1.0
}

# bats test_tags=long
@test "killed while they are at 0: the next run migrates and brings them back" {
  use 6.2.0
  in_background "$BATS_TEST_TMPDIR/talk" ./00_master_install.mjs --env practice --module 13 --upgrade --yes
  until_said 'at 0 until the Job is done'
  kill -KILL "$run"
  ends_with 137
  run -0 superset --upgrade --wait
  assert_equal "$(image)" keybuzz-practice/superset:6.2.0
  assert_equal "$(replicas_of superset-beat)" 1
}

# bats test_tags=long
@test "across the schema that moved a rollback is refused, exit 5, with the commands that restore" {
  run -5 kit --module 13 --rollback 1
  assert_output --partial 'the database has moved on'
  assert_output --partial 'superset.dump was made'
  assert_output --partial 'pg_restore'
}

@test "uninstall deletes the Jobs too, and keeps the database" {
  run -0 kit --module 13 --uninstall --confirm superset
  assert_output --partial 'SUPERSET_SECRET_KEY'
  run -0 kubectl get jobs,deployments,secrets,configmaps,ingresses --namespace superset-practice --selector keybuzz.io/module=13_superset -o name
  assert_output ''
  assert_equal "$(sql "select count(*) from pg_database where datname = 'superset_practice'")" 1
}

# bats test_tags=long
@test "install, killed after each write: the next run goes on, and when one got through the one after it sends nothing" {
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
  forget_superset
  die_at_each_write 8 13 --yes
  sends_nothing
}

# bats test_tags=long
@test "an upgrade that moves the schema, killed after each write: beat and workers come back, one migration was made" {
  use 6.2.0
  dump
  die_at_each_write 4 13 --upgrade --yes
  assert_equal "$(image)" keybuzz-practice/superset:6.2.0
  assert_equal "$(replicas_of superset-beat)" 1
  assert [ "$(replicas_of superset-worker)" -ge 2 ]
  assert_equal "$(jobs | grep -c migrate)" 1
  assert_equal "$(sql 'select version_num from alembic_version' superset_practice)" 9c1d7e5f2a3b
  sends_nothing
}
