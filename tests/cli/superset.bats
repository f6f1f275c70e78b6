# Module 13: before there is any cluster.
setup() {
  load helper
  make_kit
  step_00=scripts/13_superset/13_superset_00_setup_credentials.mts
  apply_all=scripts/13_superset/13_superset_apply_all.mts
}

@test "13_superset_apply_all --plan --offline: works before anything is set" {
  run -0 --separate-stderr "$apply_all" --env dev --plan --offline
  for object in 'kind: Namespace' 'kind: Job' 'kind: ConfigMap' 'name: superset-worker' 'name: superset-beat' 'kind: Ingress'; do
    assert_output --partial "$object"
  done
}

@test "13_superset_apply_all --plan --offline: with settings, and no secret value in any form" {
  complete_platform
  run -0 "$step_00" --env dev
  refute_output --partial canary
  run -0 "$apply_all" --env dev --plan --offline
  assert_output --partial 'host: superset.dev.example.com'
  assert_output --partial 'SUPERSET_SECRET_KEY: "***"'
  refute_output --partial canary
  refute_output --partial "$(printf canary-redis-1 | base64)"
  refute_output --partial "$(sed -nE "s/^SUPERSET_SECRET_KEY='(.*)'$/\1/p" credentials/dev/13_superset.env)"
}
