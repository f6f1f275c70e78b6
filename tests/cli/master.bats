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

@test "00_master_install: without packages it says npm ci, exit 2" {
  rm node_modules
  run -2 --separate-stderr ./00_master_install.mjs --env dev
  assert_regex "$stderr" 'npm ci'
}

# start_run [SHELL_LINE]: a run of $wanted that asks a kubectl which never answers, as $master; SHELL_LINE comes before
# that.
wanted=(--module 12)
start_run() {
  cat >"$BATS_TEST_TMPDIR/kubectl" <<STUB
#!/usr/bin/env bash
${1:-:}
echo \$\$ >"\$(dirname "\$0")/kubectl.pid"
exec sleep 60
STUB
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
  rm -f "$BATS_TEST_TMPDIR/kubectl.pid"
  install -m 600 "$repository/tests/fixtures/kubeconfig.yaml" credentials/dev/kubeconfig
  KEYBUZZ_KUBECTL=$BATS_TEST_TMPDIR/kubectl ./00_master_install.mjs --env dev "${wanted[@]}" 2>"$BATS_TEST_TMPDIR/err" &
  master=$!
  for _ in {1..600}; do [[ -s $BATS_TEST_TMPDIR/kubectl.pid ]] && return || sleep 0.1; done
  fail 'the run did not start its kubectl within a minute'
}

# ends_with CODE WORDS: the run does, and says so.
ends_with() {
  local code=0
  wait "$master" || code=$?
  assert_equal "$code" "$1"
  run -0 cat "$BATS_TEST_TMPDIR/err"
  assert_output --partial "$2"
}

@test "00_master_install: Ctrl-C, SIGTERM and a closed terminal end the module under way and everything it started" {
  complete_platform
  while read -r signal code words; do
    start_run
    kill "-$signal" "$master"
    ends_with "$code" "$words"
    run ! kill -0 "$(<"$BATS_TEST_TMPDIR/kubectl.pid")"
  done <<'SIGNALS'
TERM 143 terminated
INT 130 interrupted
HUP 143 terminated
SIGNALS
}

@test "00_master_install: of several modules none begins after SIGTERM, and it is said once" {
  complete_platform
  wanted=(--module 9,12 --verify)
  start_run
  kill -TERM "$master"
  ends_with 143 terminated
  assert_equal "$(grep -c 'terminated' "$BATS_TEST_TMPDIR/err")" 1
  assert_equal "$(echo logs/dev/*)" "$(echo logs/dev/*-09_k3s.log)"
}

@test "00_master_install: a second Ctrl-C ends at once, whatever is still under way: exit 130" {
  complete_platform
  start_run "trap '' TERM INT"
  kill -INT "$master"
  sleep 1
  kill -0 "$master"
  kill -INT "$master"
  ends_with 130 ''
  kill -KILL "$(<"$BATS_TEST_TMPDIR/kubectl.pid")"
}

@test "00_master_install: from any folder, through a symlink" {
  ln -s "$kit/00_master_install.mjs" "$BATS_TEST_TMPDIR/kb"
  cd /
  run -2 --separate-stderr "$BATS_TEST_TMPDIR/kb" --env dev --module nope
  assert_regex "$stderr" 'there is no module "nope"'
}

@test "00_master_install --from: refused while an earlier module is not done, exit 3; without words and terminal it is a full run" {
  complete_platform
  run -3 ./00_master_install.mjs --env dev --from 12
  assert_output --partial 'module 9 K3s HA core comes before 12 and is not done'
  run -2 ./00_master_install.mjs --env dev --from 12 --module 9
  assert_output --partial 'give one of them'
  run -2 ./00_master_install.mjs --env dev --from 99
  assert_output --partial 'there is no module "99"'
}

@test "00_master_install: two verbs, a plan of a status, a number that is none: exit 2, nothing begun" {
  complete_platform
  for words in '--verify --uninstall' '--plan --status' '--rollback=first' '--json' '--upgrade --drill'; do
    # shellcheck disable=SC2086  # several words
    run -2 ./00_master_install.mjs --env dev --module 12 $words
  done
  run -2 ./scripts/12_n8n/12_n8n_01_deploy.mts --env dev --rollback
  assert_output --partial '--rollback is not known to a single step'
}

@test "00_master_install: of several modules that only look, the first error is the exit code, and all are looked at" {
  complete_platform
  run -3 ./00_master_install.mjs --env dev --status
  assert_equal "$(grep -c 'there is no credentials/dev/kubeconfig' <<<"$output")" "$(grep -c "inFullRun: '" scripts/modules.mjs)"
}

@test "--limit for a module without hosts: exit 2" {
  complete_platform
  run -2 --separate-stderr ./00_master_install.mjs --env dev --module 12 --limit worker-01
  assert_regex "$stderr" 'n8n workflows works on no hosts'
}
