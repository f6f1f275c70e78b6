#!/usr/bin/env bats
# Module 10 from end to end, with stand-ins of both images. Every login is real: PostgreSQL, Redis, RabbitMQ.
# About 360 s on 2 cores.

setup_file() {
  load helper
  cp -p "$credentials/versions.json" "$BATS_FILE_TMPDIR/versions.json"
  forget_keybuzz
  ensure_ground
}

teardown_file() {
  load helper
  forget_keybuzz
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
}

setup() { load helper; }

teardown() {
  end_background
  explain_failure keybuzz-practice
}

forget_keybuzz() {
  local env number=7
  for env in practice blue; do
    kubectl delete namespace "keybuzz-$env" --ignore-not-found --timeout=180s
    sql "DROP DATABASE IF EXISTS keybuzz_$env WITH (FORCE)"
    sql "DROP ROLE IF EXISTS keybuzz_$env"
    redis_command -n "$number" FLUSHDB
    number=8
  done
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=10_keybuzz --ignore-not-found
  rm -rf "$credentials"/10_keybuzz.* {credentials,logs,validation}/blue
}

# pin VERSION [PART]: the images that versions.json names from now on.
pin() { sed -i -E "s#(practice/keybuzz-${2:-(api|front)}):[0-9.]+#\1:$1#" "$credentials/versions.json"; }

running() { kubectl get deployment keybuzz-api --namespace keybuzz-practice -o 'jsonpath={.spec.template.spec.containers[0].image}'; }

api() { asked_host=api.practice.example.com ask "$@"; }

# state: everything module 10 owns, by name and version.
state() {
  kubectl get deployments,services,secrets,configmaps,ingresses,horizontalpodautoscalers,poddisruptionbudgets --all-namespaces \
    --selector keybuzz.io/module=10_keybuzz -o 'jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  sql "select datname, shobj_description(oid, 'pg_database') from pg_database order by 1"
  sql 'select rolname, rolpassword, rolconnlimit from pg_authid order by 1'
}

# refused CODE FLAG...: the module ends with CODE, and nothing has moved.
refused() {
  local before code=$1
  shift
  before=$(state)
  run kit --module 10 --yes "$@"
  assert_equal "$status" "$code"
  assert_equal "$(state)" "$before"
}

@test "install, killed after one of its writes: the next run goes on and is validated" {
  killed_once 8 ./00_master_install.mjs --env practice --module 10 --yes
  run -0 kit --module 10 --yes
  assert_output --partial 'checks passed'
}

@test "installed: every check passed, the report names the stand-ins, and so does their first log line" {
  run -0 cat validation/practice/MODULE10_VALIDATION.md
  assert_output --partial 'A contract server: it logs in and answers as the application would, and is not it'
  refute_output --partial '✗'
  run -0 --separate-stderr kubectl logs deployment/keybuzz-api --namespace keybuzz-practice
  assert_line --index 0 --partial 'STAND-IN of the KeyBuzz API 1.4.0'
}

@test "a second run sends nothing" {
  before=$(state)
  run -0 kit --module 10 --yes
  assert_output --partial 'nothing to do, revision 1 is current'
  assert_equal "$(state)" "$before"
}

# bats test_tags=long
@test "a pod sees what a browser came by: https, the public name, the visitor's address" {
  run -0 api /echo --header 'X-Forwarded-For: 198.51.100.7'
  assert_output --partial '"x-forwarded-proto":"https"'
  assert_output --partial '"host":"api.practice.example.com"'
  assert_output --regexp '"x-forwarded-for":"198.51.100.7, '
}

# status_of_body BYTES: what the API's public name answers to a body of so many.
status_of_body() {
  truncate --size "$1" "$BATS_TEST_TMPDIR/body"
  api /health --request POST --data-binary "@$BATS_TEST_TMPDIR/body" --output /dev/null --write-out '%{http_code}'
}

# bats test_tags=long
@test "a body over 50 MiB is 413, a smaller one comes through; where nothing limits it, the check fails and an install repairs it" {
  assert_equal "$(status_of_body $((50 * 1024 * 1024 + 1)))" 413
  small=$(status_of_body 100000)
  [[ $small != 413 && $small != 5?? ]]
  kubectl annotate ingress keybuzz-api --namespace keybuzz-practice nginx.ingress.kubernetes.io/proxy-request-buffering-
  run -10 kit --module 10 --verify
  assert_output --partial 'keybuzz.body-limit'
  run -0 kit --module 10 --yes
  assert_output --partial 'checks passed'
}

# bats test_tags=long
@test "what no node can have is refused before anything is applied" {
  pin 9.9.9
  refused 3 --upgrade
  assert_output --partial 'keybuzz-api:9.9.9: no node has the image, and its registry does not answer from here'
  pin 1.4.0
  sed -i 's#keybuzz-practice/keybuzz-front:1.4.0#docker.io/library/nginx:1.27.0#' "$credentials/versions.json"
  refused 2 --upgrade
  assert_output --partial 'nginx is a placeholder, not your application'
  sed -i 's#docker.io/library/nginx:1.27.0#keybuzz-practice/keybuzz-front:latest#' "$credentials/versions.json"
  refused 2
  assert_output --partial 'latest is another image every week'
  sed -i '/"keybuzz-front"/d' "$credentials/versions.json"
  refused 2
  assert_output --partial 'versions.json has no entry keybuzz-front'
  cp -p "$BATS_FILE_TMPDIR/versions.json" "$credentials/versions.json"
}

# bats test_tags=long
@test "a host name that another Ingress answers to: exit 5, naming it" {
  kubectl create ingress other --namespace default --class nginx --rule='api.taken.example.com/=other:80'
  refused 5 --set API_HOST=api.taken.example.com
  assert_output --partial 'is answered by Ingress default/other too'
  kubectl delete ingress other --namespace default
  sed -i "s/^API_HOST=.*/API_HOST='api.practice.example.com'/" "$credentials/10_keybuzz.env"
}

@test "a RabbitMQ that refuses the password, and a virtual host there is not: exit 8" {
  right=$(setting RABBITMQ_PASSWORD)
  printf "RABBITMQ_PASSWORD='not-the-password'\n" | install -m 600 /dev/stdin "$BATS_TEST_TMPDIR/answers"
  refused 8 --answers "$BATS_TEST_TMPDIR/answers"
  assert_output --partial 'refuses the password of keybuzz'
  refute_output --partial 'not-the-password'
  sed -i "s/^RABBITMQ_PASSWORD=.*/RABBITMQ_PASSWORD='$right'/" "$credentials/platform.env"
  refused 8 --set RABBITMQ_VHOST=/absent
  assert_output --partial 'into the virtual host /absent'
  sed -i "s#^RABBITMQ_VHOST=.*#RABBITMQ_VHOST='/'#" "$credentials/platform.env"
}

# bats test_tags=long
@test "an own file: a bad line is named; a good one is in the pods; a lost one is filled from the cluster" {
  printf 'LOG_LEVEL=info\n' | install -m 600 /dev/stdin "$credentials/10_keybuzz.api.env"
  refused 2
  assert_output --partial '10_keybuzz.api.env line 1: it is not of the form'
  printf "# ours\nSTRIPE_KEY='sk-of-the-tests'\n" | install -m 600 /dev/stdin "$credentials/10_keybuzz.api.env"
  run -0 kit --module 10 --yes --set API_CORS_ORIGINS=https://shop.example.com
  refute_output --partial 'sk-of-the-tests'
  run -0 api '/environment?name=STRIPE_KEY'
  assert_output '{"set":true}'
  rm "$credentials/10_keybuzz.api.env"
  run -0 scripts/10_keybuzz/10_keybuzz_00_setup_credentials.mts --env practice
  run -0 cat "$credentials/10_keybuzz.api.env"
  assert_line --index 1 "STRIPE_KEY='sk-of-the-tests'"
}

# bats test_tags=long
@test "CORS: the named origin may, another may not" {
  run -0 api /health --head --request OPTIONS --header 'Origin: https://shop.example.com' --header 'Access-Control-Request-Method: POST'
  assert_output --regexp '[Aa]ccess-[Cc]ontrol-[Aa]llow-[Oo]rigin: https://shop.example.com'
  run -0 api /health --head --request OPTIONS --header 'Origin: https://elsewhere.example.com' --header 'Access-Control-Request-Method: POST'
  refute_output --partial 'elsewhere.example.com'
}

# bats test_tags=long
@test "a migration runs once, before the pods" {
  run -0 kit --module 10 --yes --set API_MIGRATE=migrate
  assert_output --regexp 'job/keybuzz-migrate-[0-9a-f]{10}'
  assert_equal "$(sql "select string_agg(column_name, ',' order by 1) from information_schema.columns where table_name = 'tickets'" keybuzz_practice)" id,subject
  run -0 kit --module 10 --yes
  assert_output --partial 'was done before'
  assert_output --partial 'nothing to do'
}

@test "an upgrade by --upgrade alone, whose connections to the API server are cut meanwhile; and the way back" {
  pin 1.4.1
  run -0 scripts/10_keybuzz/10_keybuzz_01_deploy_api.mts --env practice
  assert_equal "$(running)" keybuzz-practice/keybuzz-api:1.4.0
  in_background "$BATS_TEST_TMPDIR/talk" ./00_master_install.mjs --env practice --module 10 --upgrade --yes
  until_said 'deployment/keybuzz-api [0-9]/'
  cut_api 5
  ends_with 0
  assert_equal "$(running)" keybuzz-practice/keybuzz-api:1.4.1
  run -0 kit --module 10 --rollback
  assert_equal "$(running)" keybuzz-practice/keybuzz-api:1.4.0
}

# bats test_tags=long
@test "an upgrade whose migration fails: exit 9, the old pods serve; put right, it goes on; then there is no way back: exit 5" {
  printf "MIGRATION_FAILS='yes'\n" >>"$credentials/10_keybuzz.api.env"
  pin 1.5.0
  run -9 kit --module 10 --upgrade --yes
  assert_output --partial 'column "tenant" already exists'
  assert_equal "$(running)" keybuzz-practice/keybuzz-api:1.4.0
  run -0 api /health
  sed -i '/MIGRATION_FAILS/d' "$credentials/10_keybuzz.api.env"
  run -0 kit --module 10 --upgrade --yes
  assert_equal "$(running)" keybuzz-practice/keybuzz-api:1.5.0
  run -5 kit --module 10 --rollback
  assert_output --partial 'the database has moved on'
  assert_output --partial 'pg_restore --clean'
}

# bats test_tags=long
@test "killed after its first write, after two more, and after its last: the next run goes on, the one after it sends nothing" {
  kit --module 10 --uninstall --confirm keybuzz
  for write in 1 2 1; do
    run -137 env KEYBUZZ_KILL_AFTER_WRITE=$write ./00_master_install.mjs --env practice --module 10 --yes
  done
  run -0 kit --module 10 --yes
  before=$(state)
  run -0 kit --module 10 --yes
  assert_output --partial 'nothing to do'
  assert_equal "$(state)" "$before"
}

# bats test_tags=long
@test "a second environment stands beside the first, and its uninstall leaves it alone" {
  install -d -m 700 credentials/blue
  cp -p "$credentials"/{platform.env,versions.json,kubeconfig} credentials/blue/
  steps=scripts/10_keybuzz/10_keybuzz
  run -5 ./00_master_install.mjs --env blue --module 10 --yes --set API_REDIS_DB=8
  assert_output --partial 'is answered by Ingress keybuzz-practice/keybuzz-api too'
  run -0 ${steps}_00_setup_credentials.mts --env blue --set API_HOST=api.blue.example.com --set FRONT_HOST=app.blue.example.com --set API_REPLICAS_MAX=2
  for step in 01_deploy_api 02_deploy_front 03_configure_ingress; do run -0 ${steps}_$step.mts --env blue; done
  assert_equal "$(sql "select datdba::regrole from pg_database where datname = 'keybuzz_blue'")" keybuzz_blue
  asked_host=api.blue.example.com run -0 ask /health
  assert_output --partial '"rabbitmq":true'
  before=$(state | grep practice)
  run -0 ./00_master_install.mjs --env blue --module 10 --uninstall --confirm keybuzz
  assert_equal "$(state | grep practice)" "$before"
  run -0 api /health
}

@test "uninstalled: the objects are gone, the database stays" {
  run -0 kit --module 10 --uninstall --confirm keybuzz
  run -0 kubectl get deployments,services,secrets,ingresses --namespace keybuzz-practice --selector keybuzz.io/module=10_keybuzz -o name
  assert_output ''
  assert_equal "$(sql "select count(*) from pg_database where datname = 'keybuzz_practice'")" 1
}
