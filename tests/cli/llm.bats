# Module 15: the operator's three files, before there is any cluster.
setup() {
  load helper
  make_kit
  step_00=scripts/15_llm/15_llm_00_setup_credentials.mts
  apply_all=scripts/15_llm/15_llm_apply_all.mts
}

# own_file NAME LINE...: a file of the operator's.
own_file() { save_settings "15_llm.$1" "${@:2}"; }

with_files() {
  complete_platform
  own_file models.yml 'models:' '  - alias: gpt' '    model: openai/gpt' '    key: OPENAI_API_KEY'
  own_file keys.env "OPENAI_API_KEY='canary-provider-1'"
}

@test "15_llm_apply_all --plan --offline: works before anything is set" {
  run -0 --separate-stderr "$apply_all" --env dev --plan --offline
  for object in 'kind: Namespace' 'kind: Job' 'kind: StatefulSet' 'kind: PersistentVolumeClaim' 'name: litellm' 'name: qdrant'; do
    assert_output --partial "$object"
  done
  assert_regex "$stderr" 'not set yet.*MODELS_YML'
}

@test "15_llm_apply_all --plan --offline: the models as LiteLLM gets them, and no key in any form" {
  with_files
  run -0 "$step_00" --env dev
  refute_output --partial canary
  run -0 "$apply_all" --env dev --plan --offline
  assert_output --partial 'api_key: os.environ/OPENAI_API_KEY'
  assert_output --partial 'OPENAI_API_KEY: "***"'
  refute_output --partial canary
  refute_output --partial "$(printf canary-provider-1 | base64)"
  refute_output --partial "$(sed -nE "s/^LITELLM_MASTER_KEY='(.*)'$/\1/p" credentials/dev/15_llm.env)"
}

@test "15_llm: without the file of models: exit 2 with its name" {
  complete_platform
  run -2 "$step_00" --env dev
  assert_output --partial 'credentials/dev/15_llm.models.yml'
}

@test "15_llm: a mistake in a file is named with line and column, exit 2, nothing saved" {
  with_files
  own_file models.yml 'models:' '  - alias: gpt' '    modell: openai/gpt'
  run -2 "$step_00" --env dev
  assert_output --partial '15_llm.models.yml:3:5: models[0].modell is not known there: did you mean model?'
  own_file models.yml 'models:' '  - { alias: gpt, model: openai/gpt, key: ABSENT_KEY }'
  run -2 "$step_00" --env dev
  assert_output --partial 'it needs ABSENT_KEY, which is in no settings file: add it to 15_llm.keys.env'
  own_file models.yml
  run -2 "$step_00" --env dev
  assert_output --partial 'it is empty'
  own_file models.yml "$(printf 'models:\n\t- alias: gpt')"
  run -2 "$step_00" --env dev
  assert_output --regexp '15_llm\.models\.yml:2:[0-9]+: '
  head -c 5000000 /dev/zero | tr '\0' x >credentials/dev/15_llm.models.yml
  run -2 "$step_00" --env dev
  assert_output --partial 'it has more than 4 MiB'
  assert [ ! -e credentials/dev/15_llm.env ]
}

@test "15_llm: a version an intruder published is refused by name, also as this environment's own, exit 2" {
  with_files
  printf '{"litellm": {"version": "1.107.0", "image": "ghcr.io/berriai/litellm:v1.107.0"}}' >credentials/dev/versions.json
  run -2 "$apply_all" --env dev --plan --offline
  assert_output --partial 'litellm is ghcr.io/berriai/litellm:v1.107.0: 1.107.* was published by an intruder in October 2026: replace every key it saw'
}
