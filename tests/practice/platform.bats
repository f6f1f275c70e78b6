#!/usr/bin/env bats
# The practice platform keeps its promises. About 70 s on 2 cores, the platform being up.
# It kills machines: nothing else may use the platform meanwhile.
# bats file_tags=long

setup_file() {
  root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  export root practice=$root/tests/practice/practice credentials=$root/credentials/practice
  export BATS_LIB_PATH=$root/node_modules
  "$practice" up
}

setup() {
  bats_load_library bats-support
  bats_load_library bats-assert
}

teardown_file() {
  "$practice" kubectl delete namespace platform-test --ignore-not-found --wait=false
}

pid_of() { cut -d' ' -f1 "/run/keybuzz-practice/$1.pid"; }

fingerprint() {
  (cd "$credentials" && stat -c '%n %a %Y %i' ./* && sha256sum ./*)
  cat /run/keybuzz-practice/*.pid
}

# eventually SECONDS COMMAND...: what the cluster needs a moment for.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

@test "a second up is quick and changes nothing" {
  local before started ended
  before=$(fingerprint)
  started=${EPOCHREALTIME/./}
  run "$practice" up
  ended=${EPOCHREALTIME/./}
  assert_success
  assert_equal "$(fingerprint)" "$before"
  assert [ $((ended - started)) -lt 5000000 ]
}

@test "credentials are readable by their owner only" {
  assert_equal "$(stat -c %a "$credentials")" 700
  run find "$credentials" -type f ! -perm 600
  assert_output ''
}

@test "the inventory has twelve full columns a line" {
  run awk -F '\t' 'NF != 12 { print "columns", NF, $0 } { for (i = 1; i <= NF; i++) if ($i == "") print "empty", $0 }' \
    "$credentials/servers.tsv"
  assert_output ''
  assert_equal "$(wc -l <"$credentials/servers.tsv")" 7
}

@test "keys of platform.env that are not the platform's stay" {
  printf "SMTP_HOST='mail.example.com'\n" >>"$credentials/platform.env"
  "$practice" up
  run grep -c '^SMTP_HOST=' "$credentials/platform.env"
  sed -i '/^SMTP_HOST=/d' "$credentials/platform.env"
  assert_output 1
}

@test "a machine's host key is the one in known_hosts, and its sshd is set like the operator's" {
  run "$practice" ssh practice-worker-01 hostname
  assert_success
  assert_output practice-worker-01
  run "$practice" ssh practice-worker-01 sshd -T
  assert_line 'maxsessions 4'
  assert_line 'maxauthtries 3'
  assert_line 'allowtcpforwarding no'
  assert_line 'passwordauthentication no'
}

@test "a machine whose process was killed is repaired, the others are left alone" {
  local killed untouched
  killed=$(pid_of practice-worker-02) untouched=$(pid_of practice-worker-01)
  kill -KILL "$killed"
  eventually 5 test ! -d "/proc/$killed"
  run "$practice" status
  assert_failure
  run "$practice" up
  assert_success
  assert_output --partial 'worker-02'
  assert_equal "$(pid_of practice-worker-01)" "$untouched"
  run "$practice" status
  assert_success
}

@test "a machine whose sshd does not answer is repaired" {
  "$practice" ssh practice-master-03 systemctl stop ssh
  run "$practice" status
  assert_failure
  run "$practice" up
  assert_success
  run "$practice" ssh practice-master-03 true
  assert_success
}

@test "a pid file that names another process harms nobody" {
  sleep 300 3>&- &
  local other=$!
  printf '%s 1 %s\n' "$other" "$(</proc/sys/kernel/random/boot_id)" >/run/keybuzz-practice/practice-master-03.pid
  run "$practice" up
  assert_success
  assert kill -0 "$other"
  kill "$other"
  assert_not_equal "$(pid_of practice-master-03)" "$other"
}

@test "after a crash of everything up goes on with what there was" {
  local file
  "$practice" kubectl create namespace platform-test
  for file in /run/keybuzz-practice/*.pid; do kill -KILL "$(cut -d' ' -f1 "$file")"; done
  ip link delete br-practice
  run "$practice" status
  assert_failure
  run "$practice" up
  assert_success
  run "$practice" kubectl get namespace platform-test
  assert_success
}

@test "only one up at a time" {
  exec 9>/run/keybuzz-practice.lock
  flock 9
  run "$practice" up 9>&-
  exec 9>&-
  assert_equal "$status" 11
  assert_output --partial 'another up or down is running'
}

@test "all nodes are Ready" {
  run "$practice" kubectl wait --for=condition=Ready node --all --timeout=60s
  assert_success
  assert_equal "${#lines[@]}" 3
}

@test "nodes tell their metrics" {
  eventually 60 "$practice" kubectl top nodes
  run "$practice" kubectl top nodes --no-headers
  assert_success
  assert_equal "${#lines[@]}" 3
}

@test "a pod reaches a pod of the other worker by the name of its Service" {
  "$practice" kubectl apply -f "$root/tests/practice/platform/test-pods.yaml"
  "$practice" kubectl -n platform-test wait --for=condition=Ready pod --all --timeout=60s
  # Traefik's own health command asks the address it is given: a client without a shell.
  run eventually 20 "$practice" kubectl -n platform-test exec asks -- \
    /traefik healthcheck --ping --entrypoints.traefik.address=answers.platform-test.svc.cluster.local:80
  assert_success
}

@test "an Ingress of class nginx serves through every worker" {
  local address
  for address in 10.77.0.21 10.77.0.22; do
    run eventually 20 curl -fsS --max-time 3 -H 'Host: platform-test.practice.example.com' "http://$address/ping"
    assert_success
    assert_output --partial OK
  done
}

@test "PostgreSQL and Redis let nobody in without the password" {
  run "$practice" ssh practice-backend-01 'PGPASSWORD=wrong psql -h 10.77.0.10 -U kb_admin -d postgres -c "select 1"'
  assert_failure
  assert_output --partial 'password authentication failed'
  run "$practice" ssh practice-backend-01 redis-cli -h 10.77.0.10 ping
  assert_output --partial 'NOAUTH'
}

@test "S3 lets nobody in without a key of its own, and its owner into the bucket" {
  local bucket=keybuzz-chatwoot-practice
  run curl -s -o /dev/null -w '%{http_code}' "http://10.77.0.10:7070/$bucket"
  assert_output 403
  run "$practice" ssh practice-backend-01 "s3-request keybuzz PUT /$bucket/test <<<'a file' && s3-request keybuzz GET /$bucket/test </dev/null && s3-request keybuzz DELETE /$bucket/test </dev/null"
  assert_success
  assert_output --partial 'a file'
}

@test "passwords are in no process's arguments" {
  local value
  while IFS= read -r value; do
    run grep -slFa -- "$value" /proc/[0-9]*/cmdline
    assert_output ''
  done < <(sed -n "s/^[A-Z0-9]*_\(PASSWORD\|SECRET_KEY\)='\(.*\)'$/\2/p" "$credentials"/{platform.env,s3.settings})
}

@test "no machine has a way out" {
  run "$practice" ssh practice-worker-01 'ping -c 1 -W 1 192.0.2.1'
  assert_failure
  assert_equal "$(</proc/sys/net/ipv4/conf/br-practice/forwarding)" 0
}
