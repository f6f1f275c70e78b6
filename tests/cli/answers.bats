# --answers from a pipe, which gives its text once and may never end; and files that are none.
setup() {
  load helper
  make_kit
  install -d -m 700 credentials/dev
  step_00=scripts/12_n8n/12_n8n_00_setup_credentials.mts
}

lines() { printf '%s\n' "N8N_HOST='piped.example.com'" "API_HOST='piped-api.example.com'" "POSTGRES_PASSWORD='canary-piped-1'"; }

@test "00_master_install: --answers from a pipe reaches every module, from a substitution, a FIFO and stdin alike" {
  mkfifo -m 600 fifo
  master() { run -0 --separate-stderr timeout -s KILL 60 ./00_master_install.mjs --env dev --module 10,12 --plan --offline "$@"; }
  reached() {
    assert_output --partial 'piped.example.com'
    assert_output --partial 'piped-api.example.com'
    refute_output --partial canary
  }
  master --answers <(lines)
  reached
  lines >fifo &
  master --answers fifo
  reached
  master --answers /dev/stdin < <(lines)
  reached
}

@test "00_master_install: a pipe of one module alone, too" {
  run -0 --separate-stderr timeout -s KILL 60 ./00_master_install.mjs --env dev --module 12 --plan --offline --answers <(lines)
  assert_output --partial 'piped.example.com'
}

has_log() { compgen -G 'logs/dev/*' >/dev/null; }
has_opened() { readlink "/proc/$program/fd/"* | grep -q /fifo; }

# is_ended WAITS WORDS...: the program waits for its answers once WAITS holds, and SIGTERM ends it: exit 143.
is_ended() {
  local code=0 waits=$1
  shift
  rm -rf logs
  "$@" 2>err &
  program=$!
  for _ in {1..600}; do if "$waits"; then break; else sleep 0.1; fi; done
  sleep 1
  kill -0 "$program"
  kill -TERM "$program"
  for _ in {1..50}; do kill -0 "$program" 2>/dev/null && sleep 0.1 || break; done
  run ! kill -0 "$program"
  wait "$program" || code=$?
  assert_equal "$code" 143
  run -0 cat err
  assert_output --partial 'terminated'
}

@test "SIGTERM ends a program that waits for its answers: a FIFO nobody writes, a pipe nobody closes" {
  mkfifo -m 600 fifo
  is_ended has_log "$step_00" --env dev --answers fifo
  is_ended has_opened ./00_master_install.mjs --env dev --module 10,12 --answers fifo
  # Held open for both ways: its end never comes.
  exec 7<>fifo
  is_ended has_log "$step_00" --env dev --answers /dev/fd/7
}

@test "--answers: a FIFO others may read, one without an end, and what is no file: exit 2" {
  mkfifo -m 644 fifo
  run -2 "$step_00" --env dev --answers fifo
  assert_output --partial 'fifo can be read by others (mode 0644)'
  run -2 --separate-stderr timeout -s KILL 60 "$step_00" --env dev --answers <(yes)
  assert_regex "$stderr" 'gives more than 4 MiB'
  run -2 "$step_00" --env dev --answers credentials
  assert_output --partial 'cannot read credentials: it is not a file'
  run -2 "$step_00" --env dev --answers absent
  assert_output --partial 'there is no answers file absent'
}

@test "a settings file that is a FIFO is refused, not waited for: exit 2" {
  mkfifo -m 600 credentials/dev/platform.env
  run -2 --separate-stderr timeout -s KILL 60 "$step_00" --env dev
  assert_regex "$stderr" 'cannot read credentials/dev/platform.env: it is not a file'
}
