# The offline plan, and that no secret reaches any output.
setup() {
  load helper
  make_kit
  apply_all=scripts/12_n8n/12_n8n_apply_all.mts
}

@test "12_n8n_apply_all --plan --offline: every object as YAML on stdout, exit 0, nothing written" {
  complete_platform
  before=$(find . -path ./node_modules -prune -o -type f -print | sort | xargs sha256sum)
  run -0 --separate-stderr "$apply_all" --env dev --plan --offline
  for object in 'kind: Namespace' 'kind: Secret' 'kind: Ingress' 'kind: HorizontalPodAutoscaler' 'name: n8n-worker'; do
    assert_output --partial "$object"
  done
  refute_output --partial 'kind: StatefulSet'
  refute_output --partial 'kind: PersistentVolumeClaim'
  assert_equal "$(find . -path ./node_modules -prune -o -type f -print | sort | xargs sha256sum)" "$before"
}

@test "--plan --offline: works before anything is set, with the missing settings as <KEY>" {
  run -0 --separate-stderr "$apply_all" --env dev --plan --offline
  assert_output --partial '<POSTGRES_HOST>'
  assert_regex "$stderr" 'not set yet.*POSTGRES_HOST'
  assert_regex "$stderr" 'NetworkPolicies are not shown'
  refute_output --partial 'kind: NetworkPolicy'
}

@test "--plan --offline: sensitive values are *** in every form" {
  complete_platform
  "$step_00" --env dev 2>/dev/null
  run -0 "$apply_all" --env dev --plan --offline
  refute_output --partial canary
  # A hash of them would let weak ones be tried: its key is in the cluster alone.
  assert_output --regexp 'keybuzz\.io/checksum: .?\*\*\*'
  refute_output --regexp 'keybuzz\.io/checksum: .?[0-9a-f]'
  while IFS= read -r secret; do
    refute_output --partial "$secret"
    refute_output --partial "$(printf %s "$secret" | base64 -w0)"
  done < <(sed -nE "s/^N8N_(ENCRYPTION_KEY|OWNER_PASSWORD|RUNNERS_AUTH_TOKEN|POSTGRES_PASSWORD)='(.*)'$/\2/p" credentials/dev/12_n8n.env)
}

@test "--plan --offline: output closed by head is no error and no stack trace" {
  complete_platform
  run -0 bash -c "'$apply_all' --env dev --plan --offline 2>err | head -n 1; echo \${PIPESTATUS[0]}"
  assert_line --index 1 0
  run -0 cat err
  refute_output --partial EPIPE
}

@test "--offline: without --plan is exit 2" {
  run -2 --separate-stderr "$apply_all" --env dev --offline
  assert_regex "$stderr" '--offline only goes with --plan'
}

@test "12_n8n_01_deploy: a step alone refuses a verb and names the command, exit 2" {
  run -2 --separate-stderr scripts/12_n8n/12_n8n_01_deploy.mts --env dev --verify
  assert_regex "$stderr" '--verify is not known to a single step'
  assert_regex "$stderr" 'apply_all'
}

@test "every step: --help is exit 0, from any folder" {
  cd /
  for file in "$kit"/scripts/*/[01]*_[0-9]*.mts "$kit"/scripts/*/*_apply_all.mts; do
    run -0 "$file" --help
    assert_output --partial '--plan'
  done
}
