#!/usr/bin/env bats
# The real LiteLLM, without a database: two proxies by the kit's own objects on the real Redis, in a sealed machine of
# this computer (sealed/). The provider is the kit's own program of its checks; ingress and API server are stand-ins.
# What Prisma does (virtual keys, spend, migrations, "connected") is not met here: its engine is in no package.
# bats file_tags=long

setup_file() {
  load helper
  load sealed/machine
  ensure_sealed
  machine_up litellm
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

# ask_proxy LAST PATH [CURL WORDS...]: with the master key, which is no argument, or $key; the status is the last line.
ask_proxy() {
  printf 'header = "Authorization: Bearer %s"\n' "${key-$(variable proxy-1 LITELLM_MASTER_KEY)}" |
    inside curl --silent --max-time 60 --config - --write-out '\n%{http_code}\n' "${@:3}" "http://10.42.0.$1:4000$2"
}

complete() { ask_proxy "$1" /v1/chat/completions --json "{\"model\":\"$2\",\"messages\":[{\"role\":\"user\",\"content\":\"count\"}]${3:-}}"; }

@test "what is installed is the version the kit deploys" {
  run -0 grep -o '^litellm==[^ ]*' tests/practice/sealed/python/litellm.txt
  assert_output "litellm==$(node -p 'require("./versions.json").litellm.version')"
  run -0 inside "$(python_of litellm)/bin/python" -c 'import importlib.metadata as m; print(m.version("litellm"))'
  assert_output "$(node -p 'require("./versions.json").litellm.version')"
}

@test "Job validate: the image reads the configuration of the kit, and refuses one that has no model" {
  run -0 pod run validate
  run -0 cat "$SEALED_MACHINE/pods/validate/log"
  assert_output --partial 'config OK (5 models)'
  spoiled validate-wrong validate 43
  sed -i -E '/^ +model: openai\/one$/d' "$SEALED_MACHINE/pods/validate-wrong/files/etc/litellm/config.yaml"
  run -1 pod run validate-wrong
  run -0 cat "$SEALED_MACHINE/pods/validate-wrong/log"
  assert_output --partial 'config validation failed'
}

@test "two proxies start as the kit's pods: its user, a read-only root, no network but the machine's" {
  pod start checks
  pod start proxy-1
  pod start proxy-2
  until_ready checks proxy-1 proxy-2
  run -0 pod exec proxy-1 id -u
  assert_output 65534
  run ! pod exec proxy-1 touch /app/here
  run -0 probe proxy-1 livenessProbe
  assert_output passes
}

@test "Job migrate logs in to its database by a password with every sign, and finds as many migrations as the check counts" {
  pod start migrate
  # Before and after that it wants Prisma's engine by npm, to which there is no way here.
  until_logged migrate 'Acquired the Prisma migration lock'
  pod stop migrate
  run -0 cat "$SEALED_MACHINE/pods/migrate/log"
  assert_output --partial "Found $(pod exec checks python3 /etc/keybuzz/checks.py migrations) migrations"
  spoiled migrate-wrong migrate 44
  sed -i -z 's/^DATABASE_PASSWORD=.*/DATABASE_PASSWORD=another/' "$SEALED_MACHINE/pods/migrate-wrong/env"
  run ! pod run migrate-wrong
  run -0 cat "$SEALED_MACHINE/pods/migrate-wrong/log"
  assert_output --partial 'Database migration cannot proceed'
  assert_output --partial 'password authentication failed'
}

@test "without a database readiness says 200 and Not connected: the start-up probe and the check see it" {
  key='' run -0 ask_proxy 11 /health/readiness
  assert_line 200
  assert_output --partial 'Not connected'
  run -0 probe proxy-1 readinessProbe
  assert_output passes
  run -0 probe proxy-1 startupProbe
  assert_output fails
  run -1 check litellm.ready
  assert_output --partial 'proxy-1 started while PostgreSQL was away and never tries again'
}

@test "the models are exactly those of the operator's file; another file's are named by the check" {
  run -0 check litellm.models
  assert_output --partial 'passed litellm.models: 2 of the file'
  spoiled proxy-other proxy-1 13
  sed -i -E 's/^( +- model_name:) gpt-4o$/\1 gpt-5/' "$SEALED_MACHINE/pods/proxy-other/files/etc/litellm/config.yaml"
  pod start proxy-other
  until_ready proxy-other
  run -0 ask_proxy 13 /v1/models
  assert_output --partial '"gpt-5"'
  refute_output --partial '"gpt-4o"'
  pod stop proxy-other
}

@test "refusals: no key 401, a wrong key 400 without a database, which the check says; an unknown model 400" {
  run -1 check litellm.refusals
  assert_output --partial 'a wrong key is answered 400: LiteLLM runs without its database'
  key='' run -0 ask_proxy 11 /v1/models
  assert_line 401
  key=sk-wrong run -0 ask_proxy 12 /v1/models
  assert_line 400
  run -0 complete 11 no-such-model
  assert_line 400
  key='' run -0 ask_proxy 11 /metrics
  assert_line --regexp '^40[14]$'
}

@test "an alias of two entries is served by both" {
  run -0 complete 11 shared
  assert_line 200
  assert_output --partial 'one two three'
}

@test "health, metrics and the interface are not published; an Ingress that publishes all is seen" {
  run -0 check litellm.hidden
  cp "$SEALED_MACHINE/routes.json" "$BATS_TEST_TMPDIR/routes"
  sed -i 's#"path":"/v1"#"path":"/"#' "$SEALED_MACHINE/routes.json"
  run check litellm.hidden
  cp "$BATS_TEST_TMPDIR/routes" "$SEALED_MACHINE/routes.json"
  assert_equal "$status" 1
  assert_output --partial 'served: '
}

@test "a stream reaches the caller piece by piece; an ingress that collects it is seen" {
  run -0 check litellm.stream
  assert_output --regexp 'first piece [0-9]+ ms before the last'
  echo collect >"$SEALED_MACHINE/ingress-fault"
  run check litellm.stream
  rm "$SEALED_MACHINE/ingress-fault"
  assert_equal "$status" 1
  assert_output --partial 'something on the way collects them'
}

@test "a limit is counted over both proxies on Redis" {
  run -0 check litellm.limits
  assert_output --regexp '[1-3] of 6 answered, [3-5] refused, on two pods'
  run -0 redis proxy-1 -n 10 --scan --pattern '*keybuzz-check-limited*'
  assert_output --regexp 'rpm'
}

@test "Redis away: each proxy counts the limit of a model alone, and the check says so; others are answered" {
  # It ends the connection it is asked by.
  run redis proxy-1 shutdown nosave
  run -1 check litellm.limits
  assert_output --regexp 'failed litellm.limits: [4-6] of 6 answered: limits are counted per pod: Redis is not reached'
  run -0 complete 11 gpt-4o
  redis_up
  assert_line 200
}

@test "a proxy that is told to end lets its stream end first" {
  complete 12 keybuzz-check ',"stream":true' >"$BATS_TEST_TMPDIR/stream" &
  sleep 1
  run -0 pod stop proxy-2
  wait $!
  run -0 cat "$BATS_TEST_TMPDIR/stream"
  assert_output --partial '[DONE]'
}
