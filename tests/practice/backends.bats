#!/usr/bin/env bats
# PostgreSQL and Redis that are not as they must be: each told apart by message and exit code, nothing touched.
# About 110 s on 2 cores, the platform being up.

setup_file() {
  load helper
  rm -rf credentials/backends
  cp -rp "$credentials" credentials/backends
  rm -f credentials/backends/12_n8n.env credentials/backends/cluster.env
  ensure_ground
}

teardown_file() {
  load helper
  sql 'DROP DATABASE IF EXISTS n8n_backends WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS n8n_backends'
  for letter in a b c d; do
    sql "DROP DATABASE IF EXISTS n8n_backends_$letter WITH (FORCE)"
    sql "DROP ROLE IF EXISTS n8n_backends_$letter"
  done
  redis_command -n 9 FLUSHDB
  kubectl delete namespace n8n-backends --ignore-not-found --wait=false
  rm -rf credentials/backends logs/backends validation/backends
}

setup() { load helper; }

teardown() { explain_failure n8n-backends; }

# deploy [--set ...]: settings, then the step that logs in, in an environment of its own.
deploy() {
  scripts/12_n8n/12_n8n_00_setup_credentials.mts --env backends --set N8N_REDIS_DB=9 "$@" &&
    scripts/12_n8n/12_n8n_01_deploy.mts --env backends --plan
}

# with_platform KEY VALUE COMMAND...: platform.env with this value, for this command.
with_platform() { with_setting credentials/backends/platform.env "$@"; }

@test "backends that are right: the plan says what would be made, exit 4" {
  run -4 deploy
  assert_output --partial '+ PostgreSQL database n8n_backends'
  assert_output --partial '+ Redis database 9, claimed by backends/12_n8n'
}

# bats test_tags=long
@test "PostgreSQL: nothing listens, exit 6" {
  with_platform POSTGRES_PORT 5499 deploy
  assert_equal "$status" 6
  assert_output --partial 'PostgreSQL 10.77.0.10:5499 cannot be reached'
}

@test "PostgreSQL: a wrong password, exit 8" {
  with_platform POSTGRES_PASSWORD not-the-password deploy
  assert_equal "$status" 8
  assert_output --partial 'refuses the password of kb_admin'
}

# bats test_tags=long
@test "PostgreSQL: a user without the right to create, exit 8 with the statement that gives it" {
  sql "CREATE ROLE limited LOGIN PASSWORD 'limited-password'"
  cp -p credentials/backends/platform.env "$BATS_TEST_TMPDIR/platform"
  sed -i -E "s/^(POSTGRES_SUPERUSER)=.*/\1='limited'/" credentials/backends/platform.env
  with_platform POSTGRES_PASSWORD limited-password deploy
  cp -p "$BATS_TEST_TMPDIR/platform" credentials/backends/platform.env
  sql 'DROP ROLE limited'
  assert_equal "$status" 8
  assert_output --partial 'limited may not create databases and roles'
  assert_output --partial 'CREATEDB CREATEROLE'
}

# bats test_tags=long
@test "PostgreSQL: a replica in the place of the leader, exit 3" {
  # A second cluster that is in recovery: what HAProxy leads to when its check is wrong.
  in_backend 'cd /; [[ ! -e /etc/postgresql/15/replica ]] || pg_dropcluster --stop 15 replica
    set -e
    pg_createcluster 15 replica -p 5498 --start >/dev/null
    runuser -u postgres -- psql -q -p 5498 -c "CREATE ROLE kb_admin SUPERUSER LOGIN"
    pg_ctlcluster 15 replica stop
    echo "host all all 10.77.0.0/24 trust" >>/etc/postgresql/15/replica/pg_hba.conf
    echo "listen_addresses = '"'*'"'" >>/etc/postgresql/15/replica/postgresql.conf
    runuser -u postgres -- touch /var/lib/postgresql/15/replica/standby.signal
    pg_ctlcluster 15 replica start'
  with_platform POSTGRES_PORT 5498 deploy
  in_backend 'pg_dropcluster --stop 15 replica'
  assert_equal "$status" 3
  assert_output --partial 'is a replica'
}

# bats test_tags=long
@test "PostgreSQL: a database somebody else owns, exit 5, untouched" {
  sql 'CREATE DATABASE n8n_backends'
  run deploy
  owner=$(sql "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'n8n_backends'")
  sql 'DROP DATABASE n8n_backends'
  assert_equal "$status" 5
  assert_output --partial 'database n8n_backends belongs to postgres, not to n8n_backends'
  assert_equal "$owner" postgres
}

# bats test_tags=long
@test "PostgreSQL: a role somebody else works with, exit 5 before anything is written, also to Redis" {
  sql "CREATE ROLE n8n_backends LOGIN PASSWORD 'of somebody else'"
  sql 'GRANT CREATE ON DATABASE postgres TO n8n_backends'
  run -5 deploy
  sql 'DROP OWNED BY n8n_backends' && sql 'DROP ROLE n8n_backends'
  assert_output --partial "role n8n_backends belongs to another application"
  refute_output --partial 'Redis database'
}

# bats test_tags=long
@test "PostgreSQL: more connections promised than the server has, exit 3 with the figures" {
  run deploy --set N8N_WORKERS_MAX=50 --set N8N_WEBHOOKS_MAX=50
  assert_equal "$status" 3
  assert_output --partial 'not enough connections for n8n_backends'
  assert_output --regexp 'it needs [0-9]+, other roles were promised [0-9]+'
  run -4 deploy --set N8N_WORKERS_MAX=6 --set N8N_WEBHOOKS_MAX=4
}

# bats test_tags=long
@test "PostgreSQL: an old version is a warning with its reason" {
  run -4 deploy
  assert_output --partial 'is version 15: the application supports 16 and newer'
}

# bats test_tags=long
@test "Redis: nothing listens, exit 6" {
  with_platform REDIS_PORT 6399 deploy
  assert_equal "$status" 6
  assert_output --partial 'Redis 10.77.0.10:6399 cannot be reached'
}

@test "Redis: a wrong password, exit 8" {
  with_platform REDIS_PASSWORD not-the-password deploy
  assert_equal "$status" 8
  assert_output --partial 'refuses the password'
}

# bats test_tags=long
@test "Redis: a replica in the place of the master, exit 3" {
  in_backend "redis-server --port 6398 --bind 10.77.0.10 --requirepass '$(setting REDIS_PASSWORD)' --masterauth '$(setting REDIS_PASSWORD)' --replicaof 10.77.0.10 6379 --daemonize yes --pidfile /run/redis-replica.pid --dir /tmp --save '' >/dev/null; sleep 1"
  with_platform REDIS_PORT 6398 deploy
  in_backend 'kill "$(cat /run/redis-replica.pid)"'
  assert_equal "$status" 3
  assert_output --partial 'is a slave'
}

# bats test_tags=long
@test "Redis: a policy that evicts is a warning, with the command that cures it" {
  redis_command CONFIG SET maxmemory-policy allkeys-lru
  run deploy
  redis_command CONFIG SET maxmemory-policy noeviction
  assert_equal "$status" 4
  assert_output --partial 'maxmemory-policy is allkeys-lru: queued jobs can be evicted'
  assert_output --partial 'fix: redis-cli CONFIG SET maxmemory-policy noeviction'
}

# bats test_tags=long
@test "Redis: a database with keys nobody of ours claims, exit 5" {
  redis_command -n 9 SET somebody here
  run deploy
  redis_command -n 9 FLUSHDB
  assert_equal "$status" 5
  assert_output --partial 'it holds keys that no installation of the kit claims'
}

# bats test_tags=long
@test "Redis: a database another environment claims, exit 5 with its name" {
  redis_command -n 9 SET keybuzz:owner "'{\"cluster\":\"c\",\"owner\":\"staging/12_n8n\"}'"
  run deploy
  redis_command -n 9 FLUSHDB
  assert_equal "$status" 5
  assert_output --partial 'it is claimed by staging/12_n8n'
}

# bats test_tags=long
@test "Redis: a number the server does not have, exit 3" {
  run deploy --set N8N_REDIS_DB=60
  assert_equal "$status" 3
  assert_output --partial 'has no database 60'
}

# bats test_tags=long
@test "2000 random passwords pass through settings file, SCRAM and a real login, and come back" {
  run -0 bin/ts tests/practice/passwords.mts --env backends
  assert_output --partial '2000 passwords, 2000 logins'
}

# bats test_tags=long
@test "what only real servers show: a role at its limit, rights taken away, connections cut while they are quiet" {
  run -0 bin/ts tests/practice/backend-probe.mts --env backends
  assert_equal "$(grep -c '^ok ' <<<"$output")" 8
}
