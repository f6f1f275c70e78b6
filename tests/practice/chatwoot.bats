#!/usr/bin/env bats
# Module 11 from end to end on the platform, with the contract server in place of Chatwoot and without S3: one pod of
# each process. A second one stands beside it meanwhile. About 200 s on 2 cores.

setup_file() {
  load helper
  load chatwoot
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  forget_blue
  forget_chatwoot
  ensure_ground
}

teardown_file() {
  load helper
  load chatwoot
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
  restore_vector
  forget_blue
  forget_chatwoot
}

setup() {
  load helper
  load chatwoot
}

teardown() {
  end_background
  explain_failure chatwoot-practice
}

# blue FLAG...: module 11 in another environment.
blue() { ./00_master_install.mjs --env blue --module 11 --yes --set CHATWOOT_HOST=support.blue.example.com "$@"; }

forget_blue() {
  kubectl delete namespace chatwoot-blue --ignore-not-found --timeout=180s
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-env=blue --ignore-not-found
  sql 'DROP DATABASE IF EXISTS chatwoot_blue WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS chatwoot_blue'
  in_backend 'if systemctl is-active --quiet redis-blue; then systemctl stop redis-blue; fi; rm -f /etc/redis/blue.conf'
  rm -rf {credentials,logs,validation}/blue
}

# start_second_redis: with the platform's password, on port 6380, for as long as this file runs.
start_second_redis() {
  in_backend "{ sed -E 's/^port .*/port 6380/; /^(save|logfile|dir) /d' /etc/redis/redis.conf && printf 'save \"\"\ndir /tmp\n'; } |
      install -m 0600 -o redis -g redis /dev/stdin /etc/redis/blue.conf
    systemd-run --quiet --unit redis-blue --uid redis redis-server /etc/redis/blue.conf"
}

readonly control=/usr/share/postgresql/15/extension/vector.control
hide_vector() { in_backend "mv $control $control.hidden"; }
restore_vector() { in_backend "if [[ -e $control.hidden ]]; then mv $control.hidden $control; fi"; }

# bats test_tags=long
@test "a server without pgvector: exit 3 with the package's name, before any write" {
  hide_vector
  run chatwoot
  restore_vector
  assert_equal "$status" 3
  assert_output --partial 'has no extension vector'
  assert_output --partial 'postgresql-15-pgvector'
  nothing_written
}

@test "a wrong PostgreSQL password: exit 8, before any write" {
  with_setting "$credentials/platform.env" POSTGRES_PASSWORD not-the-password chatwoot
  assert_equal "$status" 8
  assert_output --partial 'refuses the password of kb_admin'
  nothing_written
}

@test "install, killed after one of its writes: the next run goes on, its three Jobs are done, and its checks pass" {
  killed_once 8 ./00_master_install.mjs --env practice --module 11 --yes
  run -0 chatwoot
  assert_output --partial 'checks passed'
  run -0 jobs
  assert_line --regexp '^chatwoot-branding-.* 1$'
  assert_line --regexp '^chatwoot-prepare-.* 1$'
  assert_line --regexp '^chatwoot-super-admin-.* 1$'
}

@test "its role owns its database, and is no superuser; the extensions are there" {
  assert_equal "$(sql "select rolsuper from pg_roles where rolname = 'chatwoot_practice'")" f
  run -0 sql 'select extname from pg_extension' chatwoot_practice
  for extension in pg_stat_statements pg_trgm pgcrypto vector; do assert_line "$extension"; done
}

@test "a second install sends nothing and runs no Job again" {
  sends_nothing
  assert_output --partial 'was done before'
}

# bats test_tags=long
@test "an extension that was dropped is not made by the superuser in a database that is in use: exit 3 with the statement" {
  sql 'DROP EXTENSION vector' chatwoot_practice
  run chatwoot
  sql 'CREATE EXTENSION vector WITH SCHEMA public' chatwoot_practice
  assert_equal "$status" 3
  assert_output --partial 'database chatwoot_practice lacks extension vector'
  assert_output --partial 'CREATE EXTENSION IF NOT EXISTS "vector" WITH SCHEMA public'
}

# bats test_tags=long
@test "another brand: only the Job branding runs again, and the page shows it" {
  before=$(jobs | grep -v branding)
  run -0 chatwoot --set "BRAND_NAME=Support 'of' <KeyBuzz>"
  assert_equal "$(jobs | grep -v branding)" "$before"
  assert_equal "$(jobs | grep -c branding)" 1
}

# bats test_tags=long
@test "drills pass" {
  run -0 kit --module 11 --drill --confirm chatwoot
  assert_output --partial 'chatwoot.sessions'
  assert_output --partial 'chatwoot.widget'
}

# bats test_tags=long
@test "a second Chatwoot on the same Redis server, in another database: exit 5, before any write" {
  install -d -m 700 credentials/blue
  cp -p "$credentials"/{platform.env,versions.json,kubeconfig} credentials/blue/
  run -5 blue --set CHATWOOT_REDIS_DB=8
  assert_output --partial 'serves another installation of 11_chatwoot already'
  assert_output --partial 'database 2 is claimed by practice/11_chatwoot'
  assert_equal "$(sql "select count(*) from pg_database where datname = 'chatwoot_blue'")" 0
}

# bats test_tags=long
@test "with a Redis server of its own it stands beside the first one, under the same number, and each is left alone" {
  start_second_redis
  before=$(state)
  run -0 blue --set REDIS_PORT=6380 --set CHATWOOT_REDIS_DB=2
  assert_output --partial 'checks passed'
  run -0 blue
  assert_output --partial 'nothing to do'
  assert_equal "$(state)" "$before"
  run -0 kit --module 11 --verify
  run -0 ./00_master_install.mjs --env blue --module 11 --uninstall --confirm chatwoot
  run -0 kit --module 11 --verify
}

@test "an upgrade that leaves the schema alone runs its own Job, though connections to the API server are cut; it can be rolled back" {
  use 4.17.1
  in_background "$BATS_TEST_TMPDIR/talk" ./00_master_install.mjs --env practice --module 11 --upgrade --yes
  until_said 'job/chatwoot-prepare'
  cut_api 5
  ends_with 0
  assert_equal "$(image)" keybuzz-practice/chatwoot:4.17.1
  assert_equal "$(jobs | grep -c prepare)" 1
  run -0 kit --module 11 --rollback
  assert_equal "$(image)" keybuzz-practice/chatwoot:4.17.0
}

# bats test_tags=long
@test "a Job that fails: its last lines and what they mean, exit 9, the old pods keep serving; the next run makes it again" {
  use 4.18.0
  sql 'REVOKE INSERT ON schema_migrations FROM chatwoot_practice' chatwoot_practice
  run -9 chatwoot --upgrade
  assert_output --partial 'job/chatwoot-prepare-'
  assert_output --partial 'permission denied'
  assert_equal "$(image)" keybuzz-practice/chatwoot:4.17.0
  sql 'GRANT INSERT ON schema_migrations TO chatwoot_practice' chatwoot_practice
  run -0 chatwoot --upgrade
  assert_output --partial 'failed in an earlier run; it is made again'
  assert_equal "$(image)" keybuzz-practice/chatwoot:4.18.0
}

# bats test_tags=long
@test "across the schema that moved a rollback is refused, exit 5, with the commands that restore" {
  run -5 kit --module 11 --rollback 1
  assert_output --partial 'the database has moved on'
  assert_output --partial 'pg_restore'
}

@test "uninstall deletes the Jobs too, and keeps the database" {
  run -0 kit --module 11 --uninstall --confirm chatwoot
  run -0 kubectl get jobs,deployments,secrets,ingresses --namespace chatwoot-practice --selector keybuzz.io/module=11_chatwoot -o name
  assert_output ''
  assert_equal "$(sql "select count(*) from pg_database where datname = 'chatwoot_practice'")" 1
}
