# shellcheck shell=bash disable=SC2154  # helper.bash, which is loaded before, names the places
# What the files about module 11 share.

# chatwoot FLAG...: a run of module 11 that never asks.
chatwoot() { kit --module 11 --yes "$@"; }

# forget_chatwoot: as if module 11 had never been in this environment.
forget_chatwoot() {
  kubectl delete namespace chatwoot-practice --ignore-not-found --timeout=180s
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=11_chatwoot,keybuzz.io/revision-env=practice --ignore-not-found
  sql 'DROP DATABASE IF EXISTS chatwoot_practice WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS chatwoot_practice'
  redis_command -n 2 FLUSHDB
  rm -f "$credentials/11_chatwoot.env"
  sed -i '/^S3_/d' "$credentials/platform.env"
}

jobs() { kubectl get jobs --namespace chatwoot-practice -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.succeeded}{"\n"}{end}' | sort; }
image() { kubectl get deployment chatwoot-web --namespace chatwoot-practice -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
use() { sed -i -E "s#(keybuzz-practice/chatwoot):[0-9.]+#\1:$1#" "$credentials/versions.json"; }

# of_chatwoot KINDS: what module 11 owns of these kinds.
of_chatwoot() { kubectl get "$1" --namespace chatwoot-practice --selector keybuzz.io/module=11_chatwoot -o name; }

# nothing_written: neither a database nor a namespace.
nothing_written() {
  assert_equal "$(sql "select count(*) from pg_database where datname = 'chatwoot_practice'")" 0
  run -1 kubectl get namespace chatwoot-practice
}

# state: everything module 11 owns, by name and version.
state() {
  jobs
  kubectl get deployments,services,secrets,ingresses,horizontalpodautoscalers,poddisruptionbudgets --namespace chatwoot-practice \
    --selector keybuzz.io/module=11_chatwoot \
    -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  kubectl get secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=11_chatwoot,keybuzz.io/revision-env=practice \
    -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'
}

# sends_nothing: a run that finds everything as it should be, and changes no object and no Job.
sends_nothing() {
  local before
  before=$(state)
  run -0 chatwoot
  assert_output --partial 'nothing to do'
  assert_equal "$(state)" "$before"
}
