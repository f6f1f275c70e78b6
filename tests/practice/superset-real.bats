#!/usr/bin/env bats
# The real Superset by the kit's own objects, on the real PostgreSQL and Redis: the Jobs, two web processes, Celery's
# worker and beat, in a sealed machine of this computer (sealed/). Ingress and API server are stand-ins.
# bats file_tags=long

setup_file() {
  load helper
  load sealed/machine
  ensure_sealed
  machine_up superset
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

# file_of POD: its superset_config.py, for a test to change.
file_of() { echo "$SEALED_MACHINE/pods/$1/files/app/pythonpath/superset_config.py"; }

# served_by LAST...: the ingress serves these pods alone.
served_by() {
  local targets
  targets=$(printf ',"10.42.0.%s:8088"' "$@")
  sed -i -E "s#\"targets\":\[[^]]*\]#\"targets\":[${targets#,}]#" "$SEALED_MACHINE/routes.json"
}

# spoil_ingress FAULT CHECK: that check while the ingress has a fault.
spoil_ingress() {
  echo "$1" >"$SEALED_MACHINE/ingress-fault"
  run check "$2"
  rm "$SEALED_MACHINE/ingress-fault"
  assert_equal "$status" 1
}

@test "what is installed is the version the kit deploys" {
  run -0 grep -o '^apache-superset==[^ ]*' tests/practice/sealed/python/superset.txt
  assert_output "apache-superset==$(node -p 'require("./versions.json").superset.version')"
}

@test "Job preflight: the environment is one the kit can run; another user than the image's is refused" {
  run -0 pod run preflight
  run -0 log_of preflight
  assert_output --regexp 'preflight: uid 1000 kombu 5\.[0-9.]+ redis 5\.[0-9.]+ /app/pythonpath/superset_config.py'
  spoiled preflight-wrong preflight 43
  echo 1001 >"$SEALED_MACHINE/pods/preflight-wrong/user"
  run -1 pod run preflight-wrong
  run -0 log_of preflight-wrong
  assert_output --partial 'preflight: uid 1001 is not the user superset of the image, which is 1000'
}

@test "without one variable the configuration ends the start, by its name and with no other's value" {
  spoiled preflight-less preflight 44
  sed -i -z '/^GUEST_TOKEN_JWT_SECRET=/d' "$SEALED_MACHINE/pods/preflight-less/env"
  run -1 pod run preflight-less
  run -0 log_of preflight-less
  assert_output --partial "KeyError: 'GUEST_TOKEN_JWT_SECRET'"
  refute_output --partial "$(variable preflight SUPERSET_SECRET_KEY)"
}

@test "Job migrate: schema, roles and the administrator; no process list shows a password" {
  pod run migrate &
  local job=$! shown=0 password code=0
  password=$(variable migrate FLASK_FAB_CREATE_ADMIN_PASSWORD)
  while kill -0 "$job" 2>/dev/null; do
    ! inside ps -eo args | grep -F -e "$password" -e "$(variable migrate SUPERSET_SECRET_KEY)" || shown=1
    sleep 0.5
  done
  wait "$job" || code=$?
  ((code == 0)) || log_of migrate
  assert_equal "$code $shown" '0 0'
  run -0 log_of migrate
  assert_output --partial 'Loaded your LOCAL configuration at [/app/pythonpath/superset_config.py]'
  assert_output --partial 'Admin User admin created'
  run -0 check superset.migrated superset.roles
}

@test "a second Job migrate leaves everything as it is and ends with 0" {
  spoiled migrate-again migrate 45
  run -0 pod run migrate-again
}

@test "web, worker and beat start as the kit's pods: read-only root, uid 1000" {
  pod start web-1
  pod start web-2
  pod start worker-1
  pod start beat-1
  until_ready web-1 web-2 worker-1 beat-1
  run -0 check superset.ready superset.eviction
  run -0 pod exec web-1 id -u
  assert_output 1000
  run ! pod exec web-1 touch /app/here
}

@test "every process has read the kit's configuration; one that has not runs on SQLite, answers, and is found" {
  run -0 check superset.configuration
  spoiled web-bare web-1 13
  rm "$(file_of web-bare)"
  pod start web-bare
  until_ready web-bare
  run -1 check superset.configuration
  pod stop web-bare
  assert_output --partial 'Superset runs on SQLite in its own folder'
  assert_output --partial 'web-bare'
}

@test "the public pages, sign-in by API and by form with a cookie both web processes accept" {
  run -0 check superset.public superset.login superset.form superset.closed
}

@test "a web process with another key is found by the form's cookie, and by a connection it cannot read" {
  run -0 words keep
  assert_line 'stored 201'
  spoiled web-other web-1 14
  sed -i -z -E 's/^SUPERSET_SECRET_KEY=.*/SUPERSET_SECRET_KEY=another-key-another-key-another-key-another/' "$SEALED_MACHINE/pods/web-other/env"
  pod start web-other
  until_ready web-other
  served_by 11 14
  run check superset.form
  served_by 14
  form=$status
  run check superset.key
  key=$status
  served_by 11 12
  pod stop web-other
  assert_equal "$form $key" '1 1'
  run -0 check superset.key
}

@test "forwarded headers: Superset knows its public address; an ingress that sets its own, or adds it, is found" {
  run -0 check superset.forwarded
  spoil_ingress untrusting superset.forwarded
  assert_output --partial 'X-Forwarded-Proto ends with http'
  spoil_ingress two-protos superset.forwarded
  assert_output --partial 'X-Forwarded-Proto ends with http, as in "https,http"'
}

@test "a stored connection is read with the key and connects by its stored password" {
  run -0 check superset.key
}

@test "a query of SQL Lab runs on the worker, and its result comes back; without a worker it waits, which is said" {
  run -0 check superset.sqllab
  run -0 pod stop worker-1
  assert_output --partial 'ended 0'
  run -1 check superset.sqllab
  assert_output --partial 'it waits in the queue: no worker took it'
  pod start worker-1
  until_ready worker-1
  run -0 check superset.sqllab
}

@test "beat sends, and is one; a second one is found" {
  run -0 check superset.beat
  spoiled beat-2 beat-1 32
  pod start beat-2
  run -1 check superset.beat
  assert_output --partial '2 pods of beat'
  run -0 pod stop beat-2
}

@test "the limiter counts over both web processes by Redis; one that counts in its own memory is found" {
  run -0 check superset.limiter
  spoiled web-memory web-1 15
  sed -i 's/^RATELIMIT_STORAGE_URI = .*/RATELIMIT_STORAGE_URI = None/' "$(file_of web-memory)"
  pod start web-memory
  until_ready web-memory
  run -1 check superset.limiter
  pod stop web-memory
  assert_output --partial 'web-memory counts in its own memory'
}

@test "the sixth sign-in within a second is refused, counted over both web processes" {
  run -0 words guess
  assert_line 'answered 429'
}

@test "a web process that is told to end lets its requests end first, then ends with 0" {
  run -0 words drain
  assert_line 'answered 200'
  refute_line --regexp 'answered [1345]'
  assert_line --regexp '^ended 0 after [0-9]+ s$'
}
