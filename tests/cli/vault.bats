# Module 14: its settings, before there is any cluster. No Vault answers: nothing is sent beyond loopback.
setup() {
  load helper
  make_kit
  step_00=scripts/14_vault/14_vault_00_setup_credentials.mts
  apply_all=scripts/14_vault/14_vault_apply_all.mts
}

with_vault() {
  complete_platform
  save_settings 14_vault.env "VAULT_ADDR='https://127.0.0.1:1'" "VAULT_KUBERNETES_URL='https://127.0.0.1:1'" "$@"
}

@test "14_vault_apply_all --plan --offline: works before anything is set, and holds nothing given for the set-up" {
  complete_platform
  KEYBUZZ_VAULT_TOKEN=canary-vault-1 run -0 "$apply_all" --env dev --plan --offline
  for object in 'kind: MutatingWebhookConfiguration' 'kind: ClusterRole' 'name: vault-check' 'name: vault-reviewer-token'; do
    assert_output --partial "$object"
  done
  refute_output --partial canary
  refute_output --partial caBundle
}

@test "14_vault_apply_all --plan --offline by jwt: no reviewer, no address of the API server, and pods that are told how to log in" {
  complete_platform
  save_settings 14_vault.env "VAULT_ADDR='https://127.0.0.1:1'" "VAULT_AUTH_METHOD='jwt'"
  run -0 "$apply_all" --env dev --plan --offline
  assert_output --partial 'vault.hashicorp.com/auth-type: jwt'
  assert_output --partial 'vault.hashicorp.com/auth-path: auth/jwt'
  refute_output --partial vault-reviewer
  refute_output --partial VAULT_KUBERNETES_URL
}

@test "14_vault_00: a Vault that does not answer is exit 6; settings are saved, the token for the set-up is not" {
  with_vault
  KEYBUZZ_VAULT_TOKEN=canary-vault-1 run -6 "$step_00" --env dev
  assert_output --partial 'Vault https://127.0.0.1:1 cannot be reached'
  refute_output --partial canary
  run -0 cat credentials/dev/platform.env
  assert_output --partial "VAULT_KV_MOUNT='kv'"
  assert_output --partial "VAULT_ADDR='https://127.0.0.1:1'"
  refute_output --partial TOKEN
  # An earlier kit kept the address in the module's own file: it goes where modules share it.
  run -0 cat credentials/dev/14_vault.env
  refute_output --partial VAULT_ADDR
  assert_output --partial "VAULT_KUBERNETES_URL="
  run -1 grep -r canary-vault credentials logs
}

@test "14_vault_00: one that the operator wrote into the file stays there" {
  with_vault "VAULT_TOKEN='canary-vault-2'"
  run -6 "$step_00" --env dev
  refute_output --partial canary
  run -0 cat credentials/dev/14_vault.env
  assert_output --partial "VAULT_TOKEN='canary-vault-2'"
}

@test "14_vault_00: an address without TLS, and half an AppRole: exit 2, each said in one sentence" {
  with_vault
  sed -i "s,VAULT_ADDR=.*,VAULT_ADDR='http://127.0.0.1:1'," credentials/dev/14_vault.env
  run -2 "$step_00" --env dev
  assert_output --partial 'tokens would travel in the clear'
  with_vault
  KEYBUZZ_VAULT_ROLE_ID=role-1 run -2 "$step_00" --env dev
  assert_output --partial 'belong together'
}
