# shellcheck shell=bash disable=SC2034  # names for the files that load it
# Loaded by every file here: a copy of the kit of its own for each test, so that credentials, logs and reports
# of one test are nobody else's, and the operator's own are never touched.
bats_require_minimum_version 1.5.0
repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export BATS_LIB_PATH=$repository/node_modules
bats_load_library bats-support
bats_load_library bats-assert

# make_kit: $kit is the kit under test, with its packages linked.
make_kit() {
  kit=$BATS_TEST_TMPDIR/kit
  mkdir -p "$kit/credentials"
  cp -r "$repository"/{00_master_install.mjs,bin,lib,scripts,package.json,versions.json} "$kit/"
  ln -s "$repository/node_modules" "$kit/node_modules"
  cd "$kit" || return 1
  unset CI KEYBUZZ_ENV KUBECONFIG
}

# save_settings FILE LINE...: a settings file as the kit writes it, 0600.
save_settings() {
  local path=credentials/dev/$1
  shift
  install -d -m 700 credentials/dev
  install -m 600 /dev/null "$path"
  printf '%s\n' "$@" >"$path"
}

# complete_platform: every platform setting without default. Nothing listens at these backends: tests of this
# layer send nothing beyond loopback.
complete_platform() {
  save_settings platform.env "DOMAIN='dev.example.com'" "OPERATOR_EMAIL='ops@example.com'" \
    "POSTGRES_HOST='127.0.0.1'" "POSTGRES_PORT='1'" "POSTGRES_PASSWORD='canary-postgres-1'" \
    "REDIS_HOST='127.0.0.1'" "REDIS_PORT='1'" "REDIS_PASSWORD='canary-redis-1'"
}

step_00=scripts/12_n8n/12_n8n_00_setup_credentials.mts
