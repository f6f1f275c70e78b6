# shellcheck shell=bash disable=SC2034  # names for the files that load it
# Loaded by the files that run the kit against the platform: the kit of this checkout, environment practice.
bats_require_minimum_version 1.5.0
root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export BATS_LIB_PATH=$root/node_modules
bats_load_library bats-support
bats_load_library bats-assert
cd "$root" || exit 1
unset CI KEYBUZZ_ENV

practice=tests/practice/practice
credentials=credentials/practice
host=n8n.practice.example.com

kit() { ./00_master_install.mjs --env practice "$@"; }
kubectl() { "$practice" kubectl "$@"; }

# setting KEY: its saved value, from whichever file has it.
setting() { sed -nE "s/^$1='(.*)'$/\1/p" "$credentials"/*.env; }

# in_backend SCRIPT: shell text on the machine of PostgreSQL and Redis, by stdin.
in_backend() { "$practice" ssh practice-backend-01 bash -s <<<"$1"; }

# sql STATEMENT: as PostgreSQL's own administrator.
sql() { "$practice" ssh practice-backend-01 'runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1' <<<"$1"; }

# redis_command WORDS...: with the platform's password, which travels on stdin.
redis_command() { in_backend "export REDISCLI_AUTH='$(setting REDIS_PASSWORD)'; redis-cli -h 10.77.0.10 $*"; }

# remove_namespace: of module 12. A worker may wait minutes for a workflow: it gets a second.
remove_namespace() {
  kubectl delete pods --namespace n8n-practice --all --grace-period=1 --wait=false
  kubectl delete namespace n8n-practice --ignore-not-found --timeout=180s
}

# forget_n8n: as if module 12 had never been there.
forget_n8n() {
  remove_namespace
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=12_n8n --ignore-not-found
  sql 'DROP DATABASE IF EXISTS n8n_practice WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS n8n_practice'
  redis_command -n 1 FLUSHDB
  rm -f "$credentials/12_n8n.env"
}

# versions_of_objects: name and resourceVersion of everything module 12 owns, and of its revisions.
versions_of_objects() {
  kubectl get deployments,services,secrets,ingresses,horizontalpodautoscalers,poddisruptionbudgets --namespace n8n-practice \
    --selector keybuzz.io/module=12_n8n -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  kubectl get secrets --namespace keybuzz-system -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'
}

# ask PATH [CURL WORDS...]: as the load balancer would, by the public name.
ask() {
  local path=$1
  shift
  curl --silent --max-time 30 --header "Host: $host" --header 'X-Forwarded-Proto: https' "$@" "http://10.77.0.21$path"
}
