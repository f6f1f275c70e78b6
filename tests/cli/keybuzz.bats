# Module 10: own images and own files, before there is any cluster.
setup() {
  load helper
  make_kit
  step_00=scripts/10_keybuzz/10_keybuzz_00_setup_credentials.mts
  apply_all=scripts/10_keybuzz/10_keybuzz_apply_all.mts
}

with_rabbitmq() {
  complete_platform
  printf "%s\n" "RABBITMQ_HOST='127.0.0.1'" "RABBITMQ_PASSWORD='canary-rabbitmq-1'" >>credentials/dev/platform.env
}

@test "10_keybuzz_apply_all --plan --offline: works before anything is set, images nobody named as <name>" {
  run -0 --separate-stderr "$apply_all" --env dev --plan --offline
  for object in 'kind: Namespace' 'kind: ConfigMap' 'kind: HorizontalPodAutoscaler' 'kind: PodDisruptionBudget' 'image: <keybuzz-api>'; do
    assert_output --partial "$object"
  done
  assert_regex "$stderr" 'not in versions.json yet, shown as <name>: keybuzz-api, keybuzz-front'
}

@test "10_keybuzz_apply_all --plan --offline: no secret in any form, not in addresses, not of an own file" {
  with_rabbitmq
  printf "STRIPE_KEY='canary-stripe-1'\n" | install -m 600 /dev/stdin credentials/dev/10_keybuzz.api.env
  run -0 "$step_00" --env dev
  refute_output --partial canary
  run -0 "$apply_all" --env dev --plan --offline
  assert_output --partial 'STRIPE_KEY: "***"'
  refute_output --partial canary
  refute_output --partial "$(printf canary-stripe-1 | base64)"
}

@test "10_keybuzz: a bad line of an own file is named with its number, exit 2, nothing saved" {
  with_rabbitmq
  printf "GOOD='1'\nBAD=canary-file-1\n" | install -m 600 /dev/stdin credentials/dev/10_keybuzz.front.env
  run -2 "$step_00" --env dev
  assert_output --partial '10_keybuzz.front.env line 2: it is not of the form'
  refute_output --partial canary
  assert [ ! -e credentials/dev/10_keybuzz.env ]
}

@test "10_keybuzz: a name the kit gives itself is refused in an own file, exit 2" {
  with_rabbitmq
  printf "PORT='8080'\n" | install -m 600 /dev/stdin credentials/dev/10_keybuzz.api.env
  run -2 "$step_00" --env dev
  assert_output --partial 'line 1: PORT is given by the kit itself'
}

@test "10_keybuzz: an own file others may read is refused, exit 2" {
  with_rabbitmq
  printf "A='1'\n" | install -m 644 /dev/stdin credentials/dev/10_keybuzz.api.env
  run -2 "$step_00" --env dev
  assert_output --partial '10_keybuzz.api.env can be read by others'
}

@test "10_keybuzz: an own file may be empty, and a second run changes no byte" {
  with_rabbitmq
  install -m 600 /dev/null credentials/dev/10_keybuzz.api.env
  "$step_00" --env dev
  before=$(sha256sum credentials/dev/*)
  run -0 "$step_00" --env dev
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

@test "10_keybuzz: an environment called system, and one name for both parts, are refused, exit 2" {
  with_rabbitmq
  mv credentials/dev credentials/system
  run -2 "$step_00" --env system
  assert_output --partial "keybuzz-system is the kit's own namespace"
  mv credentials/system credentials/dev
  run -2 "$step_00" --env dev --set API_HOST=app.dev.example.com
  assert_output --partial 'API_HOST and FRONT_HOST are the same name'
}
