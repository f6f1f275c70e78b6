# The master's command line: selection, help, exit codes.
setup() {
  load helper
  make_kit
}

@test "00_master_install: --help shows flags and modules without starting anything else" {
  run -0 ./00_master_install.mjs --help
  assert_output --partial '--module LIST'
  assert_output --partial '12  n8n workflows'
}

@test "00_master_install: an unknown flag is exit 2 with the nearest name" {
  run -2 --separate-stderr ./00_master_install.mjs --env dev --modul 12
  assert_regex "$stderr" 'unknown flag --modul'
  assert_regex "$stderr" 'did you mean --module'
  assert_equal "$output" ''
}

@test "00_master_install: an unknown module is exit 2 with the nearest name" {
  run -2 --separate-stderr ./00_master_install.mjs --env dev --module n8m
  assert_regex "$stderr" 'there is no module "n8m"'
  assert_regex "$stderr" 'did you mean n8n'
}

@test "00_master_install: without --env and without environments it asks for one, exit 2" {
  run -2 --separate-stderr ./00_master_install.mjs --module 12
  assert_regex "$stderr" 'which environment'
}

@test "00_master_install: with several environments it lists them, exit 2" {
  mkdir -p credentials/dev credentials/prod
  run -2 --separate-stderr ./00_master_install.mjs --module 12
  assert_regex "$stderr" 'there are: dev, prod'
}

@test "00_master_install: an environment's name must fit Kubernetes names, exit 2" {
  run -2 --separate-stderr ./00_master_install.mjs --env Dev_1 --module 12
  assert_regex "$stderr" 'cannot be an environment'
}

@test "00_master_install: a Node that is too old is told so, exit 3" {
  run -3 --separate-stderr node --import "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'18.19.0'})" 00_master_install.mjs --env dev
  assert_regex "$stderr" 'Node 18.19.0 is too old'
}

@test "00_master_install: without packages it says npm install, exit 2" {
  rm node_modules
  run -2 --separate-stderr ./00_master_install.mjs --env dev
  assert_regex "$stderr" 'npm install'
}

@test "00_master_install: SIGTERM ends the module under way and everything it started, exit 143" {
  complete_platform
  save_settings kubeconfig 'not yet'
  cat >"$BATS_TEST_TMPDIR/kubectl" <<'STUB'
#!/usr/bin/env bash
echo $$ >"$(dirname "$0")/kubectl.pid"
exec sleep 60
STUB
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
  cp "$repository/tests/fixtures/kubeconfig.yaml" credentials/dev/kubeconfig
  KEYBUZZ_KUBECTL=$BATS_TEST_TMPDIR/kubectl ./00_master_install.mjs --env dev --module 12 2>"$BATS_TEST_TMPDIR/err" &
  master=$!
  for _ in {1..100}; do [[ -s $BATS_TEST_TMPDIR/kubectl.pid ]] && break || sleep 0.1; done
  kill -TERM "$master"
  code=0
  wait "$master" || code=$?
  assert_equal "$code" 143
  run ! kill -0 "$(<"$BATS_TEST_TMPDIR/kubectl.pid")"
  run -0 cat "$BATS_TEST_TMPDIR/err"
  assert_output --partial 'terminated'
}

@test "00_master_install: from any folder, through a symlink" {
  ln -s "$kit/00_master_install.mjs" "$BATS_TEST_TMPDIR/kb"
  cd /
  run -2 --separate-stderr "$BATS_TEST_TMPDIR/kb" --env dev --module nope
  assert_regex "$stderr" 'there is no module "nope"'
}
