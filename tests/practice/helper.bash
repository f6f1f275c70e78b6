# shellcheck shell=bash disable=SC2034,SC2154  # names for the files that load it, and those bats gives
# Loaded by the files that run the kit against the platform: the kit of this checkout, environment practice.
bats_require_minimum_version 1.5.0
root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export BATS_LIB_PATH=$root/node_modules
bats_load_library bats-support
bats_load_library bats-assert
cd "$root" || exit 1
unset CI KEYBUZZ_ENV
# K3s itself unpacks 280 MB before it is kubectl: not below /var/lib of this computer.
export K3S_DATA_DIR=${KEYBUZZ_PRACTICE_CACHE:-$HOME/.cache/keybuzz-practice}/k3s-data

practice=tests/practice/practice
credentials=credentials/practice
host=n8n.practice.example.com

kit() { ./00_master_install.mjs --env practice "$@"; }
kubectl() { "$practice" kubectl "$@"; }

# k3s_program: the practice build of K3s on this machine, which is kubectl too.
k3s_program() { sed -nE '/"k3s":/s/.*"file": "([^"]+)".*/\1/p' "$credentials/versions.json"; }

# make_authority FOLDER ADDRESS: a CA, ca.crt, and server.key and server.crt signed by it, of that address.
make_authority() {
  mkdir -p "$1"
  (
    cd "$1" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj '/CN=practice CA'
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=backend
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
      -extfile <(echo "subjectAltName=IP:$2")
  ) 2>/dev/null
}

# typed NAME [README]: the lines an operator types, as a README has them behind that mark; without a file that of module 9.
typed() {
  awk -v mark="<!-- typed: $1 -->" '{ sub(/^ +/, "") } $0 == mark { on = 1; next }
    on && /^```/ { if (inside) exit; inside = 1; next } inside' "${2:-scripts/09_k3s/README.md}"
}

# kubectl_that_waits METHOD: $BATS_TEST_TMPDIR/kubectl, whose proxy does not pass on its first request of that method
# before $BATS_TEST_TMPDIR/go is there.
kubectl_that_waits() {
  printf '%s\n' '#!/bin/bash' \
    "kubectl=('$(k3s_program)' kubectl)" \
    "[[ \" \$* \" != *' proxy '* ]] || exec '$PWD/bin/ts' '$PWD/tests/practice/holding-proxy.mts' $1 '$BATS_TEST_TMPDIR' \"\${kubectl[@]}\" \"\$@\"" \
    "exec \"\${kubectl[@]}\" \"\$@\"" >"$BATS_TEST_TMPDIR/kubectl"
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
}

# until_asking: waits until that request has come.
until_asking() {
  for _ in {1..300}; do [[ ! -e $BATS_TEST_TMPDIR/asking ]] || return 0; sleep 0.1; done
  return 1
}

# run_all: whether every test is asked, or only the short ones.
run_all() { [[ ${KEYBUZZ_TEST_SIZE:-all} == all ]]; }

# explain_failure NAMESPACE...: belongs into the teardown of every file. A test that failed says what the cluster said:
# pods, events and last log lines of these namespaces; and where the kit's newest log ends.
explain_failure() {
  [[ -z ${BATS_TEST_COMPLETED:-} ]] || return 0
  local namespace log
  for namespace in "$@"; do
    echo "--- namespace $namespace: pods, events, last log lines"
    timeout 20 "$practice" kubectl get pods --namespace "$namespace" -o wide
    timeout 20 "$practice" kubectl get events --namespace "$namespace" --sort-by=.lastTimestamp | tail -n 15
    timeout 20 "$practice" kubectl logs --namespace "$namespace" --selector keybuzz.io/module --all-containers --prefix --tail=4 --max-log-requests=20 | cut -c1-400
  done
  echo '--- nodes'
  timeout 20 "$practice" kubectl get nodes -o wide
  log=$(find logs/practice -name '*.log' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2)
  [[ -z $log ]] || { echo "--- the end of $log" && tail -n 25 "$log"; }
} 2>&1

# explain_services MACHINE...: a test of module 9 that failed says what K3s said there last.
explain_services() {
  [[ -z ${BATS_TEST_COMPLETED:-} ]] || return 0
  local machine
  for machine in "$@"; do
    echo "--- $machine: systemctl, journalctl"
    timeout 20 "$practice" ssh "practice-$machine" 'systemctl is-active k3s k3s-agent; journalctl --no-pager --quiet -u k3s -u k3s-agent -n 8 -o cat' | cut -c1-300
  done
} 2>&1

# write_of_today MOST: which write of a run it is killed after, out of the first MOST: today's. Printed, and the same
# again by KEYBUZZ_TEST_KILL_WRITE.
write_of_today() {
  local write=${KEYBUZZ_TEST_KILL_WRITE:-$((10#$(date +%j) % $1 + 1))}
  echo "# killed after write $write of the run; the same again: KEYBUZZ_TEST_KILL_WRITE=$write" >&3
  echo "$write"
}

# killed_once MOST COMMAND...: that command, killed as by a power cut after one of its first MOST writes.
killed_once() {
  local write
  write=$(write_of_today "$1")
  run -137 env KEYBUZZ_KILL_AFTER_WRITE="$write" "${@:2}"
}

# die_at_each_write LEAST MODULE FLAG...: the same run again and again, each killed at its first write, until one has
# none left. At least LEAST were killed. after_kill, where a file defines it, is called after each.
die_at_each_write() {
  local least=$1 kills=0
  shift
  while :; do
    run env KEYBUZZ_KILL_AFTER_WRITE=1 ./00_master_install.mjs --env practice --module "$@"
    ((status == 137)) || break
    ! declare -F after_kill >/dev/null || after_kill
    kills=$((kills + 1))
    ((kills < 40)) || fail '40 runs did not get through'
  done
  echo "$kills kills, then exit $status"
  echo "$output"
  assert_equal "$status" 0
  assert [ "$kills" -ge "$least" ]
}

# with_setting FILE KEY VALUE COMMAND...: that settings file with this value; the original comes back afterwards.
with_setting() {
  cp -p "$1" "$BATS_TEST_TMPDIR/saved"
  sed -i -E "s/^($2)=.*/\1='$3'/" "$1"
  run "${@:4}"
  cp -p "$BATS_TEST_TMPDIR/saved" "$1"
}

# cut_api SECONDS: no server of the cluster answers this computer for so long.
cut_api() {
  local machine cuts=() rule="INPUT -s 10.77.0.1 -p tcp --dport 6443 -j REJECT --reject-with tcp-reset"
  for machine in master-01 master-02 master-03; do
    on "$machine" "iptables -I $rule; sleep $1; iptables -D $rule" &
    cuts+=($!)
  done
  wait "${cuts[@]}"
}

# until_said WORDS: goes on when the talk of the run in the background holds them.
until_said() {
  for _ in {1..300}; do
    if grep -qE "$1" "$run_talk"; then return; fi
    sleep 0.1
  done
  cat "$run_talk" && return 1
}

# in_background TALK COMMAND...: starts a run that says its talk into a file; its process is $run.
in_background() {
  run_talk=$1
  shift
  "$@" 2>"$run_talk" &
  run=$!
}

# ends_with CODE: waits for the run in the background. What it said is shown when it ends otherwise.
ends_with() {
  local code=0
  wait "$run" || code=$?
  ((code == $1)) || cat "$run_talk"
  assert_equal "$code" "$1"
}

# end_background: belongs into the teardown of every file that starts one: no run works on under the next test.
end_background() {
  [[ -z ${run:-} ]] || ! kill -KILL "$run" 2>/dev/null || wait "$run" || echo 'the run in the background was ended'
}

# bare_machines: as their owner installed them, whatever stood there before.
bare_machines() {
  [[ ! -e $credentials/kubeconfig ]] || "$practice" down
  "$practice" up --bare --images n8n-twin,contract
}

# ensure_k3s_cluster UP_WORDS...: the one module 9 made; made here when a file is asked alone.
ensure_k3s_cluster() {
  "$practice" up --bare "$@"
  [[ ! -e $credentials/kubeconfig ]] || return 0
  kit --module 9 --yes
  "$practice" images
}

# ensure_ground: module 9 validated; whichever file ran before this one has mostly seen to it.
ensure_ground() {
  kubectl get secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=09_k3s -o name | grep -q . ||
    kit --module 9 --verify
}

# setting KEY: its saved value, from whichever file has it.
setting() { sed -nE "s/^$1='(.*)'$/\1/p" "$credentials"/*.env; }

# in_backend SCRIPT: shell text on the machine of PostgreSQL and Redis, by stdin.
in_backend() { "$practice" ssh practice-backend-01 bash -s <<<"$1"; }

# sql STATEMENT [DATABASE]: as PostgreSQL's own administrator.
sql() { "$practice" ssh practice-backend-01 "cd / && runuser -u postgres -- psql ${2:-postgres} --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1" <<<"$1"; }

# redis_command WORDS...: with the platform's password, which travels on stdin.
redis_command() { in_backend "export REDISCLI_AUTH='$(setting REDIS_PASSWORD)'; redis-cli -h 10.77.0.10 $*"; }

# remove_namespace NAME: of a module 12. A worker may wait minutes for a workflow: it gets a second. Nobody may make
# new pods meanwhile: a namespace waits for half of the longest grace of its pods, however soon they end.
remove_namespace() {
  local name=$1
  kubectl delete deployments,replicasets --namespace "$name" --all --cascade=orphan
  kubectl delete pods --namespace "$name" --all --grace-period=1
  kubectl delete namespace "$name" --ignore-not-found --timeout=180s
}

# forget_n8n: as if module 12 had never been there.
forget_n8n() {
  remove_namespace n8n-practice
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=12_n8n --ignore-not-found
  sql 'DROP DATABASE IF EXISTS n8n_practice WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS n8n_practice'
  redis_command -n 1 FLUSHDB
  rm -f "$credentials/12_n8n.env"
}

# versions_of_objects: name and resourceVersion of everything module 12 owns, and of its revisions.
versions_of_objects() {
  kubectl get deployments,services,secrets,ingresses,horizontalpodautoscalers,poddisruptionbudgets --namespace n8n-practice \
    --selector keybuzz.io/module=12_n8n -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  kubectl get secrets --namespace keybuzz-system -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'
}

# ask PATH [CURL WORDS...]: as the load balancer would, by the public name.
ask() {
  local path=$1
  shift
  curl --silent --max-time 30 --header "Host: ${asked_host:-$host}" --header 'X-Forwarded-Proto: https' "$@" "http://10.77.0.21$path"
}

# on MACHINE COMMAND: as its administrator; standard input is the command's.
on() { "$practice" ssh "practice-$1" "$2"; }

# behind_firewall MACHINE nftables|ufw|firewalld: as an operator sets it up, now and at every start: his SSH passes,
# everything else is stopped.
behind_firewall() {
  case $2 in
    nftables)
      on "$1" 'cat >/etc/nftables.conf && systemctl enable --quiet --now nftables' <<'TEXT'
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    tcp dport 22 accept comment "ssh of the operator"
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
  }
}
TEXT
      ;;
    ufw) on "$1" "ufw allow 22/tcp comment 'ssh of the operator' && ufw --force enable" >&2 ;;
    firewalld) on "$1" 'systemctl enable --quiet --now firewalld && firewall-cmd --quiet --state' ;;
  esac
}

# k3s_step STEP [FLAG...]: one step of module 9 alone.
k3s_step() {
  local name=$1
  shift
  scripts/09_k3s/09_k3s_"$name".mts --env practice "$@"
}

# what_runs: what each master is configured with, and since when its K3s runs.
what_runs() {
  local machine
  for machine in master-01 master-02 master-03; do
    on "$machine" 'sha256sum /etc/rancher/k3s/config.yaml; systemctl show k3s --property ActiveEnterTimestampMonotonic'
  done
}

# with_servers SED: another servers.tsv, until restore_servers.
with_servers() {
  [[ -e $credentials/servers.tsv.right ]] || cp -p "$credentials/servers.tsv" "$credentials/servers.tsv.right"
  sed -i -E "$1" "$credentials/servers.tsv"
}

restore_servers() {
  [[ ! -e $credentials/servers.tsv.right ]] || mv "$credentials/servers.tsv.right" "$credentials/servers.tsv"
}

# watch_argv MACHINE: from now on notes every process there whose words hold a line of standard input, which is all that knows them.
watch_argv() {
  on "$1" 'cat >/run/watched && rm -f /run/seen && systemd-run --quiet --unit watch-argv sh -c "while :; do grep -alF -f /run/watched /proc/[0-9]*/cmdline >>/run/seen 2>/dev/null; sleep 0.1; done"'
}

# seen_in_argv MACHINE: how many were noted.
seen_in_argv() { on "$1" 'grep -c . /run/seen'; }

unwatch_argv() { on "$1" 'systemctl stop watch-argv; rm -f /run/watched'; }
