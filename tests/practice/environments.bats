#!/usr/bin/env bats
# Two environments, blue and green, on one cluster, one PostgreSQL and one Redis: side by side, and every clash
# refused before any write. With the quick stand-in of n8n; at the end with Superset's and LiteLLM's.
# bats file_tags=long

setup_file() {
  load helper
  forget_colours
  ensure_ground
  for colour in blue green; do
    install -d -m 700 "credentials/$colour"
    cp -p "$credentials"/{platform.env,versions.json,kubeconfig} "credentials/$colour/"
  done
  # Two n8n at their smallest fit the platform's PostgreSQL beside module 12 itself.
  install_colour blue 5
  install_colour green 6
}

teardown_file() {
  load helper
  forget_colours
}

setup() { load helper; }

teardown() { explain_failure {n8n,superset,llm}-{blue,green}; }

forget_colours() {
  local colour slug number
  for colour in blue green; do
    remove_namespace "n8n-$colour"
    kubectl delete secrets --namespace keybuzz-system --selector "keybuzz.io/revision-env=$colour" --ignore-not-found
    kubectl delete namespace "superset-$colour" "llm-$colour" --ignore-not-found --timeout=400s
    for slug in n8n superset llm; do
      sql "DROP DATABASE IF EXISTS ${slug}_$colour WITH (FORCE)"
      sql "DROP ROLE IF EXISTS ${slug}_$colour"
    done
  done
  sql 'DROP DATABASE IF EXISTS n8n_red' && sql 'DROP ROLE IF EXISTS n8n_red'
  for number in 5 6 11 12 13 14; do redis_command -n "$number" FLUSHDB; done
  rm -rf {credentials,logs,validation}/{blue,green,red}
}

# in_colour COLOUR FLAG...
in_colour() { ./00_master_install.mjs --env "$1" --module 12 --yes "${@:2}"; }

# install_colour COLOUR REDIS_DATABASE: with the smallest maxima, under a name of its own.
install_colour() {
  in_colour "$1" --set "N8N_HOST=n8n.$1.example.com" --set "N8N_REDIS_DB=$2" --set N8N_WORKERS_MAX=2 --set N8N_WEBHOOKS_MAX=2
}

# state: everything the two own, by name and version.
state() {
  kubectl get deployments,services,secrets,ingresses --all-namespaces --selector 'keybuzz.io/env in (blue,green,red)' \
    -o 'jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  kubectl get secrets --namespace keybuzz-system -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'
  sql "select datname, datdba::regrole, shobj_description(oid, 'pg_database') from pg_database order by 1"
  sql 'select rolname, rolpassword, rolconnlimit from pg_authid order by 1'
}

# refused CODE COMMAND...: ends with CODE, and nothing of theirs has moved.
refused() {
  local before code=$1
  shift
  before=$(state)
  run "$@"
  assert_equal "$status" "$code"
  assert_equal "$(state)" "$before"
}

@test "blue and green stand side by side: own namespaces, databases, roles; a second run of each sends nothing" {
  for colour in blue green; do
    run -0 in_colour "$colour"
    assert_output --partial 'nothing to do, revision 1 is current'
    run -0 kubectl get deployment n8n-worker --namespace "n8n-$colour" -o name
    assert_equal "$(sql "select datdba::regrole from pg_database where datname = 'n8n_$colour'")" "n8n_$colour"
  done
}

@test "the databases say whose they are" {
  run -0 --separate-stderr sql "select shobj_description(oid, 'pg_database') from pg_database where datname = 'n8n_blue'"
  assert_output --regexp '^keybuzz [0-9a-f]{12} blue/12_n8n$'
}

@test "a Redis database that is another environment's: exit 5" {
  refused 5 in_colour green --set N8N_REDIS_DB=5
  assert_output --partial "blue/12_n8n"
  in_colour green --set N8N_REDIS_DB=6 >/dev/null
}

@test "a host name that another Ingress answers to: exit 5, naming it" {
  refused 5 in_colour green --set N8N_HOST=n8n.blue.example.com
  assert_output --partial 'is answered by Ingress n8n-blue/n8n too'
  run -0 in_colour green --set N8N_HOST=n8n.green.example.com
  assert_output --partial 'nothing to do'
}

@test "a database another cluster has claimed: exit 5" {
  sql "COMMENT ON DATABASE n8n_green IS 'keybuzz 000000000000 green/12_n8n'"
  refused 5 in_colour green
  assert_output --partial "another installation's"
  assert_output --partial 'keybuzz 000000000000 green/12_n8n'
  # Nobody's again: the next run claims it.
  sql 'COMMENT ON DATABASE n8n_green IS NULL'
  run -0 in_colour green
  run -0 --separate-stderr sql "select shobj_description(oid, 'pg_database') from pg_database where datname = 'n8n_green'"
  assert_output --regexp '^keybuzz [0-9a-f]{12} green/12_n8n$'
}

@test "connections that do not fit beside the others': exit 3" {
  refused 3 in_colour green --set N8N_WORKERS_MAX=50 --set N8N_WEBHOOKS_MAX=50
  assert_output --partial 'not enough connections for n8n_green'
  assert_output --partial 'other roles were promised'
  in_colour green --set N8N_WORKERS_MAX=2 --set N8N_WEBHOOKS_MAX=2 >/dev/null
}

@test "an object labelled for another environment: exit 5" {
  kubectl label deployment n8n-webhook --namespace n8n-green --overwrite keybuzz.io/env=blue
  run in_colour green
  kubectl label deployment n8n-webhook --namespace n8n-green --overwrite keybuzz.io/env=green
  assert_equal "$status" 5
  assert_output --partial 'belongs to blue/12_n8n_01_deploy'
}

@test "uninstalling blue leaves green as it is, serving" {
  before=$(kubectl get pods --namespace n8n-green -o 'jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}' | sort)
  run -0 ./00_master_install.mjs --env blue --module 12 --uninstall --confirm n8n
  assert_equal "$(kubectl get pods --namespace n8n-green -o 'jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}' | sort)" "$before"
  run -0 ./00_master_install.mjs --env green --module 12 --verify
}

@test "a protected environment wants its name before the first write, whatever --yes says: exit 2, nothing written" {
  sed -i "s/^PROTECTED=.*/PROTECTED='true'/" credentials/green/platform.env
  refused 2 in_colour green --set N8N_WEBHOOKS_MAX=3
  assert_output --partial 'green is protected: its name was not typed'
  assert_output --partial 'add --confirm green'
  # The refused run has saved nothing either.
  refused 2 in_colour green --set N8N_WEBHOOKS_MAX=3 --confirm blue
  assert_output --partial 'was not "blue"'
  run -0 in_colour green --set N8N_WEBHOOKS_MAX=3 --confirm green
  sed -i "s/^PROTECTED=.*/PROTECTED='false'/" credentials/green/platform.env
}

# pods_of NAMESPACE: their uids.
pods_of() { kubectl get pods --namespace "$1" -o 'jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}' | sort; }

# key_of COLOUR MODULE KEY: the line of that setting.
key_of() { grep "^$3=" credentials/"$1"/"$2".env; }

# two_of MODULE SLUG PREFIX SECRET REDIS_DATABASE FLAG...: that module in blue, and in green with the next Redis database.
# Each has its own of everything, and sends nothing again; the other's Redis database is refused; blue goes, green stays.
two_of() {
  local module=$1 slug=$2 prefix=$3 secret=$4 number=$5 flags=("${@:6}") colour before
  for colour in blue green; do
    run -0 ./00_master_install.mjs --env "$colour" --module "$module" --yes --set "${prefix}_HOST=$slug.$colour.example.com" \
      --set "${prefix}_REDIS_DB=$number" "${flags[@]}"
    number=$((number + 1))
  done
  for colour in blue green; do
    run -0 ./00_master_install.mjs --env "$colour" --module "$module" --yes
    assert_output --partial 'nothing to do, revision 1 is current'
    assert_equal "$(sql "select datdba::regrole from pg_database where datname = '${slug}_$colour'")" "${slug}_$colour"
  done
  assert_not_equal "$(key_of blue "${module}_$slug" "$secret")" "$(key_of green "${module}_$slug" "$secret")"
  refused 5 ./00_master_install.mjs --env green --module "$module" --yes --set "${prefix}_REDIS_DB=$5"
  assert_output --partial "blue/${module}_$slug"
  run -0 ./00_master_install.mjs --env green --module "$module" --yes --set "${prefix}_REDIS_DB=$((number - 1))"
  before=$(pods_of "$slug-green")
  run -0 ./00_master_install.mjs --env blue --module "$module" --uninstall --confirm "$slug"
  assert_equal "$(pods_of "$slug-green")" "$before"
  run -0 ./00_master_install.mjs --env green --module "$module" --verify
  # The nodes have no room for everything at once.
  run -0 ./00_master_install.mjs --env green --module "$module" --uninstall --confirm "$slug"
}

@test "Superset in blue and in green: each its own namespace, database, role, key and Redis database; one goes, the other stays" {
  remove_namespace n8n-green
  two_of 13 superset SUPERSET SUPERSET_SECRET_KEY 11 --set SUPERSET_WEB_MAX=2 --set SUPERSET_WORKERS_MAX=2
}

@test "LiteLLM in blue and in green: each its own namespace, database, role, key and Redis database; one goes, the other stays" {
  for colour in blue green; do cp -p "$credentials/15_llm.models.yml" "credentials/$colour/"; done
  # Without Qdrant: the platform has a folder for one volume.
  two_of 15 llm LITELLM LITELLM_SALT_KEY 13 --set LITELLM_REPLICAS_MAX=2 --set VECTOR_STORE_URL=https://vectors.example.com
}
