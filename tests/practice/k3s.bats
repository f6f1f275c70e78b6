#!/usr/bin/env bats
# Module 9 from bare machines: three masters and two workers become one cluster, over SSH alone, three of them behind
# a firewall each. About 300 s on 2 cores.

setup_file() {
  load helper
  bare_machines
  setting WAIVED >"$BATS_FILE_TMPDIR/waived"
  behind_firewall master-02 nftables
  behind_firewall master-03 ufw
  behind_firewall worker-02 firewalld
}

setup() { load helper; }

teardown() {
  restore_servers
  explain_failure kube-system
  explain_services master-01 master-02 master-03 worker-01 worker-02
}

# state_of_hosts: checksums of all that module 9 may write, and since when the services run.
state_of_hosts() {
  local machine asked=()
  for machine in master-01 master-02 master-03 worker-01 worker-02; do
    on "$machine" 'cd / && find etc/rancher/k3s/config.yaml etc/rancher/keybuzz.started etc/systemd usr/local/bin var/lib/rancher/k3s/agent/images -type f | sort | xargs sha256sum
      systemctl show k3s k3s-agent --property ActiveEnterTimestampMonotonic' | sed "s/^/$machine /" >"$BATS_TEST_TMPDIR/state-$machine" &
    asked+=($!)
  done
  wait "${asked[@]}"
  cat "$BATS_TEST_TMPDIR"/state-*
}

# count_sent MACHINE, sent_to MACHINE: what this computer has sent there over SSH since, without the headers of packets.
count_sent() {
  on "$1" 'nft delete table inet measure 2>/dev/null; nft -f -' <<'TEXT'
table inet measure {
  chain in {
    type filter hook input priority 0;
    ip saddr 10.77.0.1 tcp dport 22 counter
  }
}
TEXT
  # One look at the counter costs this much: the end of the one before, and its own beginning.
  look=$(counted "$1")
  echo "$look" >"$BATS_TEST_TMPDIR/look-$1"
}

sent_to() { echo $(($(counted "$1") - 2 * $(<"$BATS_TEST_TMPDIR/look-$1"))); }

counted() { on "$1" 'nft list table inet measure' | awk '/counter/ { for (at = 1; at <= NF; at++) seen[$at] = $(at + 1); print seen["bytes"] - 52 * seen["packets"] }'; }

# until_whole: every server answers for itself again.
until_whole() { kubectl wait node --all --for=condition=Ready --timeout=90s && until k3s_step 02_install_control_plane; do sleep 1; done; }

@test "a plan of bare machines names what would be made on each host, and touches none" {
  run -4 --separate-stderr kit --module 9 --plan
  assert_output --partial 'host practice-master-01: /usr/local/bin/k3s'
  run -2 on master-01 'ls /usr/local/bin/k3s'
}

@test "a host nobody knows yet is shown with its fingerprint and not entered: exit 7" {
  cp -p "$credentials/known_hosts" "$BATS_TEST_TMPDIR/known_hosts"
  sed -i '/^practice-worker-02,/d' "$credentials/known_hosts"
  run kit --module 9 --yes
  cp -p "$BATS_TEST_TMPDIR/known_hosts" "$credentials/known_hosts"
  assert_equal "$status" 7
  assert_output --partial "$(on worker-02 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' | cut -d' ' -f2)"
}

# bats test_tags=long
@test "a host with another key than the trusted one is not entered: exit 7 with both fingerprints" {
  cp -p "$credentials/known_hosts" "$BATS_TEST_TMPDIR/known_hosts"
  key=$(sed -n 's/^practice-worker-01,.* //p' "$credentials/known_hosts")
  sed -i "s|^\(practice-master-01,.* \).*|\1$key|" "$credentials/known_hosts"
  run kit --module 9 --yes
  cp -p "$BATS_TEST_TMPDIR/known_hosts" "$credentials/known_hosts"
  assert_equal "$status" 7
  assert_output --partial 'another host key than the one that was trusted'
  assert_output --regexp 'trusted: ssh-ed25519 SHA256:'
  assert_output --regexp 'met now: ssh-ed25519 SHA256:'
}

@test "a wrong key is exit 8" {
  ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/other"
  run kit --module 9 --yes --set "SSH_KEY=$BATS_TEST_TMPDIR/other"
  assert_equal "$status" 8
  assert_output --partial 'does not let root in with this key'
  run -0 k3s_step 00_setup_credentials --set SSH_KEY=credentials/practice/id_ed25519
}

# bats test_tags=long
@test "a key with a passphrase opens the hosts with SSH_KEY_PASSPHRASE; without it, or with a wrong one, exit 2" {
  install -m 600 "$credentials/id_ed25519" "$BATS_TEST_TMPDIR/locked"
  ssh-keygen -q -p -P '' -N 'a passphrase 3Aa' -f "$BATS_TEST_TMPDIR/locked"
  run -2 kit --module 9 --plan --set "SSH_KEY=$BATS_TEST_TMPDIR/locked"
  assert_output --partial 'the SSH key has a passphrase, and none is known'
  KEYBUZZ_SSH_KEY_PASSPHRASE=wrong-one run -2 kit --module 9 --plan --set "SSH_KEY=$BATS_TEST_TMPDIR/locked"
  assert_output --partial 'SSH_KEY_PASSPHRASE does not open '
  install -m 600 <(ssh-keygen -y -f "$credentials/id_ed25519") "$BATS_TEST_TMPDIR/public"
  run -2 kit --module 9 --plan --set "SSH_KEY=$BATS_TEST_TMPDIR/public"
  assert_output --partial 'is a public key'
  KEYBUZZ_SSH_KEY_PASSPHRASE='a passphrase 3Aa' run -4 kit --module 9 --plan --set "SSH_KEY=$BATS_TEST_TMPDIR/locked"
  assert_output --partial '5 of 5 hosts answer over SSH'
  refute_output --partial 'a passphrase 3Aa'
}

# bats test_tags=long
@test "a user the host does not let in is exit 8" {
  with_servers '/practice-master-02/s/\troot\t/\tnobody\t/'
  run -8 kit --module 9 --yes
  assert_output --partial 'practice-master-02 (10.77.0.12) does not let nobody in with this key'
}

# bats test_tags=long
@test "a master that is down stops the run before anything is written: exit 6" {
  with_servers 's/10\.77\.0\.13/10.77.0.99/g'
  printf 'practice-master-03,10.77.0.99 ssh-ed25519 AAAA\n' >>"$credentials/known_hosts"
  run kit --module 9 --yes
  sed -i '/10\.77\.0\.99/d' "$credentials/known_hosts"
  assert_equal "$status" 6
  assert_output --partial 'practice-master-03 (10.77.0.99) cannot be reached'
  run -2 on master-01 'ls /usr/local/bin/k3s'
}

# bats test_tags=long
@test "--limit with a host nobody knows is exit 2, with the nearest name" {
  run -2 kit --module 9 --limit practice-worker-1
  assert_output --partial 'did you mean practice-worker-01?'
}

# bats test_tags=long
@test "another Kubernetes on a host stops the run before any write: exit 3, and it cannot be waived" {
  on worker-01 'mkdir /etc/kubernetes && touch /etc/kubernetes/kubelet.conf'
  run kit --module 9 --yes
  on worker-01 'rm -r /etc/kubernetes'
  assert_equal "$status" 3
  assert_output --partial 'host.no-kubeadm'
  assert_output --partial 'practice-worker-01: /etc/kubernetes'
  run -2 on master-01 'ls /usr/local/bin/k3s'
}

# bats test_tags=long
@test "a port that is taken is told with who has it: exit 3" {
  on master-02 '/usr/sbin/sshd -p 6443'
  run kit --module 9 --yes
  on master-02 'pkill -f "[s]shd -p 6443"'
  assert_equal "$status" 3
  assert_output --partial 'host.port-6443'
  assert_output --partial 'practice-master-02: taken by sshd'
}

# bats test_tags=long
@test "what fails on a host and is not waived stops the run: exit 3; a waiver of no check is exit 2" {
  on worker-01 'mkdir /var/lib/etcd && touch /var/lib/etcd/member'
  run kit --module 9 --yes
  on worker-01 'rm -r /var/lib/etcd'
  assert_equal "$status" 3
  assert_output --partial 'host.no-etcd'
  assert_output --partial 'practice-worker-01: /var/lib/etcd'
  run -2 kit --module 9 --yes --set 'WAIVED=host.nothing: at all'
  run -0 scripts/09_k3s/09_k3s_00_setup_credentials.mts --env practice --set "WAIVED=$(cat "$BATS_FILE_TMPDIR/waived")"
  run -2 on master-01 'ls /usr/local/bin/k3s'
}

# bats test_tags=long
@test "a program that is not what its publisher made goes to no host: exit 7" {
  cp -p "$credentials/versions.json" "$BATS_TEST_TMPDIR/versions.json"
  sed -i -E '/"k3s":/s/"sha256": "[0-9a-f]{8}/"sha256": "00000000/' "$credentials/versions.json"
  run k3s_step 02_install_control_plane
  cp -p "$BATS_TEST_TMPDIR/versions.json" "$credentials/versions.json"
  assert_equal "$status" 7
  assert_output --partial 'is not the file versions.json names'
  run -2 on master-01 'ls /usr/local/bin/k3s'
  run ! grep -q TOKEN "$credentials/09_k3s.env"
}

# killed_until_through STEP: that step again and again, each run killed at its 9th write, until one has fewer left. Sets $killed.
killed_until_through() {
  for ((killed = 0; killed < 20; killed++)); do
    KEYBUZZ_KILL_AFTER_WRITE=9 run k3s_step "$1"
    ((status == 137)) || break
  done
}

@test "three bare masters become servers of one cluster, though the kit is killed on the way" {
  run -0 k3s_step 00_setup_credentials
  run -0 k3s_step 01_prepare
  # The tokens are saved before the first write on any host.
  run ! grep -q TOKEN "$credentials/09_k3s.env"
  KEYBUZZ_KILL_AFTER_WRITE=1 run -137 k3s_step 02_install_control_plane
  for machine in master-02 worker-01; do
    printf '%s\n' "$(setting K3S_TOKEN)" "$(setting K3S_AGENT_TOKEN)" | watch_argv "$machine"
  done
  if run_all; then
    killed_until_through 02_install_control_plane
    assert_equal "$status" 0
    assert [ "$killed" -ge 2 ]
  else
    killed_once 18 scripts/09_k3s/09_k3s_02_install_control_plane.mts --env practice
    run -0 k3s_step 02_install_control_plane
  fi
}

# bats test_tags=long
@test "a dead worker delays nobody and is named, the other joins: exit 9" {
  printf 'practice-worker-09,10.77.0.99 ssh-ed25519 AAAA\n' >>"$credentials/known_hosts"
  with_servers '/practice-worker-02/{s/worker-02/worker-09/g;s/10\.77\.0\.22/10.77.0.99/g}'
  run k3s_step 03_join_workers
  sed -i '/10\.77\.0\.99/d' "$credentials/known_hosts"
  assert_equal "$status" 9
  assert_output --partial 'practice-worker-01 is ready'
  assert_output --partial '1 of 2 workers did not join'
  assert_output --partial 'practice-worker-09 (10.77.0.99) cannot be reached'
}

@test "workers that are not in the cluster yet join alone; it is validated, every node's ingress answers" {
  joined=$(kubectl get nodes -o name)
  run -0 kit --module 9 --yes
  assert_output --partial 'practice-worker-02 is ready'
  [[ $joined != *worker-01* ]] || refute_output --partial 'practice-worker-01 is ready'
  refute_output --regexp 'practice-master-0[123] is ready'
  run -0 kubectl get nodes --no-headers
  assert_equal "${#lines[@]}" 5
  run -0 kubectl wait node --selector node-role.kubernetes.io/etcd=true --for=condition=EtcdIsVoter --timeout=30s
  assert_equal "${#lines[@]}" 3
  for address in 11 12 13 21 22; do
    run -0 curl --silent --max-time 5 "http://10.77.0.$address/healthz"
    assert_output OK
  done
}

@test "tokens were in no process of a host, are in no log and no screen" {
  token=$(setting K3S_TOKEN)
  [[ ${#token} -eq 64 ]]
  for machine in master-02 worker-01; do
    run seen_in_argv "$machine"
    assert_output 0
    # The watcher sees what it is there to see.
    on "$machine" "sleep 2; : $token"
    run seen_in_argv "$machine"
    refute_output 0
    unwatch_argv "$machine"
  done
  run -1 grep -rlF "$token" logs/practice validation/practice
}

@test "a second run changes nothing on any host, and sends each at most 10 kB" {
  state_of_hosts >"$BATS_TEST_TMPDIR/before"
  for machine in master-01 master-02 worker-01; do count_sent "$machine"; done
  run -0 kit --module 9 --yes
  assert_output --partial 'nothing to do'
  for machine in master-01 master-02 worker-01; do
    sent=$(sent_to "$machine")
    echo "$machine: $sent bytes"
    assert [ "$sent" -gt 1000 ]
    assert [ "$sent" -le 10240 ]
  done
  state_of_hosts >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_output ''
}

# bats test_tags=long
@test "module 12 goes on the cluster module 9 made" {
  "$practice" images
  run -0 kit --module 12 --yes
  assert_output --partial 'checks passed'
}

# bats test_tags=long
@test "a master away: any run goes by another one and says so; the API answers, a write succeeds, n8n serves" {
  on master-01 'systemctl stop k3s'
  kit --module 12 --plan >"$BATS_TEST_TMPDIR/plan" 2>&1 || assert_equal $? 4
  grep -q 'https://10.77.0.11:6443 does not answer: going by https://10.77.0.1[23]:6443' "$BATS_TEST_TMPDIR/plan"
  run -0 kit --module 12 --verify
  run -0 ask /healthz/readiness --fail
  on master-01 'systemctl start k3s'
  until_whole
}

# bats test_tags=long
@test "a worker and the first master, installed anew and killed while they join, join again: no second cluster begins" {
  identity=$(kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}')
  # The pod with a volume stands on the disk that goes.
  kubectl cordon --selector 'kubernetes.io/hostname!=practice-worker-02'
  kubectl delete pods --namespace keybuzz-probe --selector app.kubernetes.io/component=volume
  kubectl rollout status deployment/volume --namespace keybuzz-probe --timeout=60s
  kubectl uncordon --selector kubernetes.io/hostname
  "$practice" reinstall practice-worker-02
  "$practice" reinstall practice-master-01
  run -0 k3s_step 01_prepare
  scripts/09_k3s/09_k3s_02_install_control_plane.mts --env practice >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
  first=$!
  # In the middle of joining: it has asked etcd for a place and has no vote yet.
  until on master-01 'test -d /var/lib/rancher/k3s/server/db/etcd/member'; do
    kill -0 "$first"
    sleep 0.2
  done
  on master-01 'systemctl kill --signal SIGKILL k3s; systemctl stop k3s; ls /usr/local/bin' >&2
  kill -KILL "$first"
  run -0 k3s_step 02_install_control_plane
  assert_output --partial 'practice-master-01 is ready'
  refute_output --partial 'practice-master-02 is ready'
  run -0 k3s_step 03_join_workers
  assert_output --partial 'practice-worker-02 is ready'
  refute_output --partial 'practice-worker-01 is ready'
  assert_equal "$(kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}')" "$identity"
  run -0 kubectl get nodes --no-headers
  assert_equal "${#lines[@]}" 5
  kubectl rollout status deployment/volume daemonset/probe --namespace keybuzz-probe --timeout=60s
  # What stood on the two machines went to the others meanwhile, and no scheduler brings it back.
  run -0 k3s_step 04_bootstrap_addons
  run -0 kit --module 9 --verify
}
