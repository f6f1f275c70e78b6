# On a terminal: questions, their answers, Ctrl-C. A real pseudo-terminal, by tmux.
setup() {
  load helper
  make_kit
  terminal=keybuzz-$$-$BATS_TEST_NUMBER
}

teardown() {
  ! tmux has-session -t "$terminal" 2>/dev/null || tmux kill-session -t "$terminal"
}

# start COMMAND: in a terminal of its own; its exit code goes to $kit/code.
start() {
  tmux new-session -d -s "$terminal" -x 120 -y 40 "cd '$kit' && $1; echo \$? >'$kit/code'"
}

screen() { tmux capture-pane -p -t "$terminal" 2>/dev/null; }

# shows TEXT: waits until the screen shows it, 20 s at most.
shows() {
  local _
  for _ in {1..200}; do
    screen | grep -qF -- "$1" && return
    sleep 0.1
  done
  screen
  return 1
}

# answer TEXT: types it and Enter.
answer() {
  tmux send-keys -t "$terminal" -l -- "$1"
  tmux send-keys -t "$terminal" Enter
}

ended() {
  local _
  for _ in {1..200}; do
    [[ -s $kit/code ]] && return
    sleep 0.1
  done
  screen
  return 1
}

@test "12_n8n_00_setup_credentials: asks what is missing, Enter keeps the default, wrong answers are explained" {
  complete_platform
  sed -i '/OPERATOR_EMAIL/d; /REDIS_PASSWORD/d' credentials/dev/platform.env
  start "$step_00 --env dev"
  shows "Operator's e-mail"
  answer 'not an address'
  shows 'must be an e-mail address'
  tmux send-keys -t "$terminal" C-u
  answer 'ops@example.com'
  shows 'Redis password'
  answer 'canary-typed-1'
  shows 'Public host name'
  answer ''
  for question in "First owner's e-mail" 'first name' 'last name' 'Redis database number' 'Workers at most' 'Webhook processes' 'Seconds a workflow'; do
    shows "$question"
    answer ''
  done
  # The backends are tried for real; there are none here, and the answers may be saved all the same.
  shows 'A backend refuses these answers'
  shows 'cannot be reached'
  tmux send-keys -t "$terminal" Down Enter
  ended
  assert_equal "$(<code)" 0
  run screen
  refute_output --partial canary-typed-1
  run -0 cat credentials/dev/platform.env credentials/dev/12_n8n.env
  assert_line "OPERATOR_EMAIL='ops@example.com'"
  assert_line "REDIS_PASSWORD='canary-typed-1'"
  assert_line "N8N_HOST='n8n.dev.example.com'"
  assert_line "N8N_OWNER_EMAIL='ops@example.com'"
}

@test "Ctrl-D at a question ends like Ctrl-C: exit 130, nothing written" {
  complete_platform
  sed -i '/OPERATOR_EMAIL/d' credentials/dev/platform.env
  before=$(sha256sum credentials/dev/*)
  start "$step_00 --env dev"
  shows "Operator's e-mail"
  tmux send-keys -t "$terminal" C-d
  ended
  assert_equal "$(<code)" 130
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

@test "12_n8n_00_setup_credentials: a file that is missing is not asked for, it is to be laid there: exit 2" {
  complete_platform
  # The screen stays until Enter.
  start "$step_00 --env dev --set TLS_MODE=files; code=\$?; read -r _; (exit \$code)"
  shows 'lay these files there, mode 0600'
  run screen
  assert_output --partial 'credentials/dev/12_n8n.tls.crt'
  answer ''
  ended
  assert_equal "$(<code)" 2
  assert [ ! -e credentials/dev/12_n8n.env ]
}

# at_a_question: a run that waits for an answer; $before is what was saved until then.
at_a_question() {
  complete_platform
  sed -i '/OPERATOR_EMAIL/d' credentials/dev/platform.env
  before=$(sha256sum credentials/dev/*)
  start "$step_00 --env dev"
  shows "Operator's e-mail"
}

@test "12_n8n_00_setup_credentials: Ctrl-C at a question writes nothing, exit 130" {
  at_a_question
  tmux send-keys -t "$terminal" C-c
  ended
  assert_equal "$(<code)" 130
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

@test "12_n8n_00_setup_credentials: ended from elsewhere at a question: exit 143, nothing is written" {
  at_a_question
  pkill -TERM -f "$kit/bin/runtime.mjs $step_00"
  ended
  assert_equal "$(<code)" 143
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

# under_way COMMAND: it asks a kubectl that takes half a second to end, which nobody but the kit ends.
under_way() {
  complete_platform
  install -m 600 "$repository/tests/fixtures/kubeconfig.yaml" credentials/dev/kubeconfig
  printf '%s\n' '#!/bin/bash' "trap '' HUP INT" "trap 'kill \$!; sleep 0.5; touch ended; exit 143' TERM" \
    'echo >>asked' 'sleep 77 & wait' >kubectl
  chmod +x kubectl
  # Compiles everything: the compiler is a process of the terminal too.
  KEYBUZZ_KUBECTL=/bin/false run bash -c "$1"
  rm -rf logs
  touch asked
  start "KEYBUZZ_KUBECTL=$kit/kubectl $1"
  # All questions of a run go by one kubectl.
  for _ in {1..200}; do [[ ! -s asked ]] || break; sleep 0.1; done
}

# ends_in_order WORDS: the last ones of its log, once what it had begun has ended.
ends_in_order() {
  for _ in {1..50}; do ! grep -qF -- "$1" logs/dev/*.log || break; sleep 0.1; done
  run cat logs/dev/*.log
  assert_output --partial "$1"
  refute_output --partial 'a bug of the kit'
  assert [ -e ended ]
}

@test "12_n8n_apply_all: the terminal is closed: what is under way ends first, the run says so in its log" {
  under_way 'scripts/12_n8n/12_n8n_apply_all.mts --env dev'
  tmux kill-session -t "$terminal"
  ends_in_order 'terminated   exit 143'
}

@test "00_master_install: the terminal is closed: the module's own program ends in order, though it is told twice" {
  under_way './00_master_install.mjs --env dev --module 9,12 --verify'
  tmux kill-session -t "$terminal"
  ends_in_order 'terminated   exit 143'
}

@test "00_master_install: Ctrl-C while its input comes from elsewhere: the module's own program is told once, exit 130" {
  under_way './00_master_install.mjs --env dev --module 9,12 --verify </dev/null'
  tmux send-keys -t "$terminal" C-c
  ended
  ends_in_order 'interrupted   exit 130'
  assert_equal "$(<code)" 130
}

@test "12_n8n_00_setup_credentials: --no-input asks nothing on a terminal either, exit 2" {
  start "$step_00 --env dev --no-input"
  ended
  assert_equal "$(<code)" 2
}

@test "00_master_install without words: the table of modules, then what to do; the choice runs as if it had been typed" {
  complete_platform
  start './00_master_install.mjs --env dev'
  shows 'no cluster yet'
  shows '12 n8n workflows'
  shows 'What now?'
  shows 'Install 9 K3s HA core'
  # Something else: the last but one, however many modules there are.
  for _ in 1 2; do tmux send-keys -t "$terminal" Up; done
  tmux send-keys -t "$terminal" Enter
  shows 'Which module?'
  tmux send-keys -t "$terminal" Up
  tmux send-keys -t "$terminal" Enter
  shows 'What?'
  tmux send-keys -t "$terminal" Down
  tmux send-keys -t "$terminal" Enter
  ended
  # The plan of the last module without a kubeconfig.
  assert_equal "$(<"$kit/code")" 3
}

@test "00_master_install without words: Ctrl-C at the question ends with 130, nothing begun" {
  complete_platform
  start './00_master_install.mjs --env dev'
  shows 'What now?'
  tmux send-keys -t "$terminal" C-c
  ended
  assert_equal "$(<"$kit/code")" 130
  run ls logs
  assert_failure
}

@test "a terminal that reports 0 columns: a question is as wide as 80, not one letter a line" {
  # script(1) without a terminal of its own makes one of 0 columns.
  run -124 timeout 10 script -qec "stty size; exec '$kit/scripts/12_n8n/12_n8n_00_setup_credentials.mts' --env dev" /dev/null < <(sleep 10)
  assert_line --partial '0 0'
  assert_line --partial 'Base domain   1/14'
  assert_line --partial 'Applications get a name below it, e.g.'
}
