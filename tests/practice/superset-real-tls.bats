#!/usr/bin/env bats
# The real Superset with POSTGRES_TLS and REDIS_TLS, in a sealed machine of this computer (sealed/) whose PostgreSQL and
# Redis take encrypted connections alone: it works by the CA that the kit gives its pods, and by no other.
# bats file_tags=long

setup_file() {
  load helper
  load sealed/machine
  ensure_sealed
  machine_up superset verify
}

setup() {
  load helper
  load sealed/machine
}

teardown() { explain_sealed; }

teardown_file() {
  load helper
  load sealed/machine
  machine_down
}

# log_of POD
log_of() { cat "$SEALED_MACHINE/pods/$1/log"; }

# clients NAME LAST: another pod like a worker, for a test to change: it asks each client of Redis that Superset has.
clients() {
  local folder=$SEALED_MACHINE/pods/$1
  spoiled "$1" worker-1 "$2"
  cp "$sealed/redis-clients.py" "$folder/files/"
  printf '%s\0' python /redis-clients.py >"$folder/args"
}

readonly by_address=(
  broker results cache data_cache filter_state_cache explore_form_data_cache thumbnail_cache query-results limiter
)
readonly all=("${by_address[@]}" locks charts)

# assert_clients WORDS NAME...: these clients were answered so.
assert_clients() {
  local client
  for client in "${@:2}"; do assert_line --regexp "^$client $1"; done
}

@test "Job migrate works on a PostgreSQL that it verifies" {
  run -0 pod run preflight
  run -0 pod run migrate
  run -0 check superset.migrated superset.roles
}

@test "one of another CA or name it refuses, and the kit says why, without the password that Superset logs" {
  spoiled migrate-foreign migrate 43
  trust migrate-foreign POSTGRES foreign
  run -1 pod run migrate-foreign
  run -0 explain migrate-foreign
  assert_output --partial 'not signed by the CA that the pods have'
  run -0 log_of migrate-foreign
  assert_output --partial 'superset_sealed:role % %40%3A%2F#'
  run -0 kept migrate-foreign
  assert_output --partial 'superset_sealed:***@10.42.0.1'
  refute_output --partial 'role %'
  spoiled migrate-named migrate 44
  knows_other_name migrate-named
  tell migrate-named POSTGRES_HOST other-name
  run -1 pod run migrate-named
  run -0 log_of migrate-named
  assert_output --partial 'does not match host name "other-name"'
  run -0 explain migrate-named
  assert_output --partial 'or is for another name'
}

@test "each client of Redis connects by the CA of the pod" {
  clients clients 51
  run -0 pod run clients
  run -0 log_of clients
  assert_clients connected "${all[@]}"
}

@test "broker, results, caches, limiter, locks and charts refuse a Redis of another CA, each" {
  clients clients-foreign 52
  trust clients-foreign REDIS foreign
  run -0 pod run clients-foreign
  run -0 log_of clients-foreign
  assert_clients 'refused: .*certificate verify failed' "${all[@]}"
}

@test "a certificate of another name is refused by each but locks and charts, which cannot be told to" {
  clients clients-named 53
  knows_other_name clients-named
  tell clients-named REDIS_HOST other-name
  run -0 pod run clients-named
  run -0 log_of clients-named
  assert_clients 'refused: .*certificate is not valid for .other-name' "${by_address[@]}"
  assert_clients connected locks charts
}

@test "web, worker and beat: sign-in, a stored connection that verifies too, a query on the worker, limits, ticks" {
  local pods=(web-1 web-2 worker-1 beat-1) one
  for one in "${pods[@]}"; do pod start "$one"; done
  until_ready "${pods[@]}"
  # At once, as an install asks them: in a Superset that never had a connection.
  run -0 check superset.configuration superset.login superset.key superset.sqllab superset.beat
  run -0 check superset.limiter
}

@test "a worker that is given another CA never lives, and the kit says why" {
  spoiled worker-foreign worker-1 22
  trust worker-foreign REDIS foreign
  pod start worker-foreign
  until_logged worker-foreign 'certificate verify failed'
  run -0 probe worker-foreign startupProbe
  assert_output fails
  run -0 explain worker-foreign
  assert_output --partial 'not signed by the CA that the pods have'
  pod stop worker-foreign
}

@test "web pods that are given another CA are found by the check of SQL Lab" {
  spoiled web-foreign web-1 13
  trust web-foreign REDIS foreign
  pod start web-foreign
  until_ready web-foreign
  cp "$SEALED_MACHINE/routes.json" "$BATS_TEST_TMPDIR/routes"
  sed -i 's#"targets":\[[^]]*\]#"targets":["10.42.0.13:8088"]#' "$SEALED_MACHINE/routes.json"
  run check superset.sqllab
  cp "$BATS_TEST_TMPDIR/routes" "$SEALED_MACHINE/routes.json"
  pod stop web-foreign
  assert_equal "$status" 1
  assert_output --partial 'the broker took no task: the web pods do not reach Redis'
}

@test "require: whoever answers is taken, encrypted" {
  local one
  for one in web-1 web-2 worker-1 beat-1; do pod stop "$one"; done
  lay_anew require
  clients clients-trusting 54
  knows_other_name clients-trusting
  tell clients-trusting REDIS_HOST other-name
  run -0 pod run clients-trusting
  run -0 log_of clients-trusting
  assert_clients connected "${all[@]}"
  run -0 pod run migrate
}
