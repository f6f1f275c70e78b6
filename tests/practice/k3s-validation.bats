#!/usr/bin/env bats
# What module 9's validation proves and what breaks it, on the cluster k3s.bats left: three masters, two workers, n8n.
# About 15 minutes on 2 cores, most of it the drill.
# bats file_tags=long

setup_file() {
  load helper
  ensure_k3s_cluster
  # k3s.bats made a worker anew, and with no registry here nobody else gives it n8n's image again.
  "$practice" images
  kit --module 12 --yes
  kubectl delete pods --namespace n8n-practice --field-selector spec.nodeName=practice-worker-02
  kubectl wait deployments --namespace n8n-practice --all --for=condition=Available --timeout=120s
}

setup() { load helper; }

teardown() {
  end_background
  let_nodes_in
  explain_failure keybuzz-probe
  explain_services master-01 master-02 master-03 worker-01
}

# canary ADDRESS:PORT: what it sees of a visitor who claims to come from elsewhere, by HTTPS; as words for a shell.
canary() {
  printf 'curl --silent --max-time 5 -H "Host: canary.practice.example.com" -H "X-Forwarded-For: 192.0.2.7" -H "X-Forwarded-Proto: https" http://%s/cgi-bin/visitor' "$1"
}

# on_every_port COMMAND...: once for each node's port 80 and its NodePort.
on_every_port() {
  local address port
  for address in 11 12 13 21 22; do
    for port in 80 31695; do "$@" "10.77.0.$address:$port" || return; done
  done
}

health_of() {
  run -0 curl --silent --max-time 5 "http://$1/healthz"
  assert_output OK
}

believed_from_here() {
  run -0 bash -c "$(canary "$1")"
  assert_output --regexp '^for=192\.0\.2\.7(, 10\.77\.0\.1)? proto=https$'
}

not_believed_from_a_node() {
  run -0 on worker-01 "$(canary "$1")"
  refute_output --partial 192.0.2.7
  assert_output --partial 'proto=http'
  refute_output --partial https
}

# The rule by which PostgreSQL takes new connections from this computer alone: those that are there stay.
only_here="INPUT -p tcp --syn --dport 5432 ! -s 10.77.0.1 -j REJECT --reject-with tcp-reset"

# let_nodes_in: whatever the test below shut.
let_nodes_in() {
  in_backend "while iptables -D $only_here 2>/dev/null; do :; done
    sed -i '/# shut by a test/d' /etc/postgresql/15/main/pg_hba.conf && systemctl reload postgresql@15-main"
}

@test "PostgreSQL lets in this computer and not the pods: exit 6 and 8 with node and address, nothing written" {
  kit --module 12 --yes
  before=$(versions_of_objects)
  change=(--set "N8N_OWNER_LAST_NAME=Of$RANDOM")
  # Without a change to send no node is asked.
  run -0 kit --module 12 --yes
  assert_output --partial 'nothing to do'
  refute_output --partial 'pods on '
  in_backend "iptables -I $only_here"
  run kit --module 12 --yes "${change[@]}"
  let_nodes_in
  assert_equal "$status" 6
  assert_output --partial 'PostgreSQL 10.77.0.10:5432 cannot be reached by pods on practice-'
  assert_output --partial 'From this machine it answers.'
  assert_output --regexp 'let 10\.77\.0\.[0-9, .]+ in on port 5432 '
  assert_equal "$(versions_of_objects)" "$before"

  in_backend "sed -i -e '1i host all n8n_practice 10.77.0.16/28 reject # shut by a test' -e '1i host all n8n_practice 10.42.0.0/16 reject # shut by a test' /etc/postgresql/15/main/pg_hba.conf && systemctl reload postgresql@15-main"
  run kit --module 12 --yes "${change[@]}"
  let_nodes_in
  assert_equal "$status" 8
  assert_output --regexp 'PostgreSQL 10\.77\.0\.10:5432 does not let pods on practice-.* in as n8n_practice: its pg_hba\.conf'
  assert_equal "$(versions_of_objects)" "$before"

  run -0 kit --module 12 --yes "${change[@]}"
  assert_output --regexp 'pods on [0-9]+ nodes? reach PostgreSQL, Redis'
  run -0 kit --module 12 --yes
  assert_output --partial 'nothing to do'
}

@test "a drill that is killed while a master is away leaves it to the host, whose timer is armed" {
  # Its writes: the ConfigMap it writes to, the timer, the end of K3s.
  KEYBUZZ_KILL_AFTER_WRITE=3 run kit --module 9 --drill --confirm k3s --limit practice-master-03
  assert_equal "$status" 137
  run -0 on master-03 'pgrep -fc "[c]ontainerd-shim.* -address /run/k3s/" || true'
  assert_output 0
  run -3 on master-03 'systemctl is-active k3s'
  run -0 on master-03 'systemctl is-active keybuzz-drill-undo.timer'
}

@test "meanwhile the validation says which server is away, and no drill begins: exit 10" {
  run -10 kit --module 9 --drill --confirm k3s
  assert_output --partial 'k3s.etcd'
  assert_output --partial 'practice-master-03'
  refute_output --partial 'drill k3s.machine-away'
}

@test "the host has started K3s again by itself, and the cluster is healthy" {
  until_active() {
    local end=$((SECONDS + 240))
    until on master-03 'systemctl is-active --quiet k3s'; do
      ((SECONDS < end)) || return
      sleep 2
    done
  }
  until_active
  kubectl wait node practice-master-03 --for=condition=Ready --timeout=60s
  # Its pods ended with it.
  for _ in {1..60}; do if [[ $(curl --silent --max-time 2 http://10.77.0.13/healthz) == OK ]]; then break; fi; sleep 2; done
  run -3 on master-03 'systemctl is-active keybuzz-drill-undo.timer'
}

@test "every node answers the health check on port 80 and on the NodePort" { on_every_port health_of; }

@test "what the load balancer says of a visitor reaches the backend, through every node and port" {
  on_every_port believed_from_here
}

@test "what anybody else says of itself does not" { on_every_port not_believed_from_a_node; }

# visitor_by_proxy_protocol ADDRESS: what the canary sees of one a load balancer announces; text for a shell.
visitor_by_proxy_protocol() {
  cat <<SHELL
exec 3<>/dev/tcp/$1/80
printf 'PROXY TCP4 198.51.100.7 $1 40000 80\r\nGET /cgi-bin/visitor HTTP/1.1\r\nHost: canary.practice.example.com\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n' >&3
timeout 5 cat <&3
SHELL
}

@test "a visitor a load balancer announces by PROXY protocol is seen; what the visitor says of itself is not believed" {
  run -0 bash <<<"$(visitor_by_proxy_protocol 10.77.0.21)"
  assert_output --partial 'for=198.51.100.7 proto=http'
  refute_output --partial 192.0.2.7
}

@test "nobody else can announce one" {
  run -0 on worker-01 bash <<<"$(visitor_by_proxy_protocol 10.77.0.22)"
  assert_output --partial 'proto=http'
  refute_output --partial 198.51.100.7
  refute_output --partial 192.0.2.7
}

@test "packets that are too large for one node: the payload is seen to fail, pods and Services are not blamed" {
  on worker-02 'nft "add table ip lossy; add chain ip lossy forward { type filter hook forward priority -10; }; add rule ip lossy forward ip length > 1400 drop"'
  run kit --module 9 --verify
  on worker-02 'nft delete table ip lossy'
  assert_equal "$status" 10
  assert_output --partial 'k3s.payload'
  assert_output --partial 'practice-worker-02'
  refute_output --partial '(k3s.pods)'
  refute_output --partial '(k3s.service)'
}

# seconds_without: what the drill said of each machine, beside the test.
seconds_without() { sed -n 's/^ *✓ \(practice-[a-z0-9-]* was away: .*\)/# \1/p' <<<"$output" >&3; }

@test "Ctrl-C while a worker is away: K3s starts there at once, not by the timer, and the run ends with 130" {
  in_background "$BATS_TEST_TMPDIR/talk" ./00_master_install.mjs --env practice --module 9 --drill --confirm k3s --limit practice-worker-01
  for _ in {1..150}; do if grep -q 'practice-worker-01 is away for' "$run_talk"; then break; fi; sleep 2; done
  grep -q 'practice-worker-01 is away for' "$run_talk"
  run -3 on worker-01 'systemctl is-active k3s-agent'
  kill -INT "$run"
  ends_with 130
  run on worker-01 'systemctl is-active k3s-agent'
  assert_output --regexp '^activ(e|ating)$'
  run -0 on worker-01 'systemctl is-active keybuzz-drill-undo.timer'
  kubectl wait node practice-worker-01 --for=condition=Ready --timeout=120s
  kubectl wait deployments --namespace n8n-practice --all --for=condition=Available --timeout=180s
  # No drill begins on a cluster that has not come back whole. Pods are Ready by their old status until the kubelet has
  # seen that their containers ended: what the validation asks is answered by the pods themselves.
  for _ in {1..8}; do if kit --module 9 --verify; then return; fi; done
  fail 'the cluster is not whole again'
}

@test "a drill: a worker and a master dead in turn, names, API, writes, metrics, ingress and n8n within their seconds; then whole again" {
  run -0 kit --module 9 --drill --confirm k3s --limit practice-worker-02,practice-master-03
  seconds_without
  assert_output --partial 'practice-worker-02 was away: '
  assert_output --partial 'practice-master-03 was away: '
  # The backend is no machine of the cluster: left out, and counted.
  assert_output --partial 'servers.tsv: 1 of its rows are other machines: 1 db'
  run -3 on worker-02 'systemctl is-active keybuzz-drill-undo.timer'
  run -3 on master-03 'systemctl is-active keybuzz-drill-undo.timer'
  # Two of five prove no cluster.
  run -0 grep -E '^\| ! \| Any one machine away: .*practice-worker-02: .*metrics.*practice-master-03: ' validation/practice/MODULE09_VALIDATION.md
  run -0 kit --module 9 --verify
}

@test "a budget with nothing to spare: nothing is stopped, exit 3" {
  kubectl create poddisruptionbudget nothing-to-spare --namespace n8n-practice --selector app.kubernetes.io/name=n8n --min-available 100%
  run kit --module 9 --drill --confirm k3s --limit practice-worker-01
  kubectl delete poddisruptionbudget nothing-to-spare --namespace n8n-practice
  assert_equal "$status" 3
  assert_output --partial 'PodDisruptionBudget n8n-practice/nothing-to-spare has nothing to spare'
  assert_equal "$(on worker-01 'systemctl is-active k3s-agent')" active
}

@test "the validation says the load balancer's table, what is not met here, and the verdict modules read" {
  local report=validation/practice/MODULE09_VALIDATION.md enforced=false
  # The practice build enforces none.
  ! "$practice" is k3s || enforced=true
  run -0 grep -F '10.77.0.11, 10.77.0.12, 10.77.0.13, 10.77.0.21, 10.77.0.22; check HTTP /healthz on port 31695' "$report"
  run -0 grep -F 'TCP -\> port 6443 of 10.77.0.11, 10.77.0.12, 10.77.0.13' "$report"
  run -0 grep -F 'not met here: no node resolves docker.io' "$report"
  run -0 grep -F 'local-path: written and read' "$report"
  run -0 kubectl get configmap network-policies --namespace keybuzz-system -o 'jsonpath={.data.enforced}'
  assert_output "$enforced"
  run -0 kubectl get configmap backend-services --namespace keybuzz-practice -o 'jsonpath={.data}'
  assert_output '{"POSTGRES_HOST":"10.77.0.10","POSTGRES_PORT":"5432","RABBITMQ_HOST":"10.77.0.10","RABBITMQ_PORT":"5672","REDIS_HOST":"10.77.0.10","REDIS_PORT":"6379"}'
}
