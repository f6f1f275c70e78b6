#!/usr/bin/env bats
# Hosts leave the cluster k3s.bats made, one by one, then all. Runs after everything that needs it. About 120 s on 2 cores.

setup_file() {
  load helper
  ensure_k3s_cluster
  # What k3s-faults.bats broke and repaired by single steps is validated anew.
  kit --module 9 --verify
}

setup() { load helper; }

teardown() {
  explain_failure keybuzz-probe
  explain_services master-01 master-02 master-03 worker-01
}

# assert_bare MACHINE: as its owner installed it.
assert_bare() {
  run on "$1" 'ls -d /etc/rancher /usr/local/bin/* /var/lib/rancher/* /var/lib/kubelet /var/lib/cni /run/k3s /etc/systemd/system/k3s* 2>/dev/null
    ls /sys/class/net | grep -E "cni|flannel|veth"; nft list tables | grep -iE "kube|k3s"; ip route show root 10.42.0.0/16; ps ax | grep "[c]ontainerd-shim"; true'
  assert_output ''
}

# held_pod: an application whose only pod nobody may take away.
held_pod() {
  kubectl apply -f - >&2 <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: held, namespace: default}
spec:
  selector: {matchLabels: {app: held}}
  template:
    metadata: {labels: {app: held}}
    spec:
      nodeSelector: {kubernetes.io/hostname: practice-worker-02}
      terminationGracePeriodSeconds: 1
      containers:
        - {name: traefik, image: 'keybuzz-practice/traefik:3.7.15', imagePullPolicy: Never, args: [--ping]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: held, namespace: default}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: held}}
YAML
  kubectl rollout status deployment/held --namespace default --timeout=60s >&2
}

# bats test_tags=long
@test "the whole cluster is not uninstalled while a module stands on it: exit 5" {
  kubectl get secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=12_n8n -o name | grep -q . || kit --module 12 --yes
  run -5 kit --module 9 --uninstall --confirm k3s
  assert_output --partial 'other modules need it'
  assert_output --partial '12_n8n (practice)'
}

# bats test_tags=long
@test "a host that is not named is not taken out: exit 2; its plan names every write and does none" {
  run -2 kit --module 9 --uninstall --limit practice-worker-02 --yes
  assert_output --partial 'host practice-worker-02: K3s and its data'
  assert_output --partial 'add --confirm practice-worker-02'
  run -4 kit --module 9 --uninstall --limit practice-worker-02 --plan
  assert_output --partial 'drain practice-worker-02'
  assert_output --partial 'host practice-worker-02: take K3s and its data off'
  run -0 kubectl get node practice-worker-02 -o 'jsonpath={.spec.unschedulable}'
  assert_output ''
}

# bats test_tags=long
@test "pods that may not go hold their host, within a time limit: exit 9; it takes pods again, nothing was removed" {
  held_pod
  run -0 k3s_step 00_setup_credentials --set DRAIN_SECONDS=8
  run -9 kit --module 9 --uninstall --limit practice-worker-02 --confirm practice-worker-02
  assert_output --partial 'the pods of practice-worker-02 did not go within 8 s'
  assert_output --partial 'held'
  run -0 k3s_step 00_setup_credentials --set DRAIN_SECONDS=300
  run -0 kubectl get node practice-worker-02 -o 'jsonpath={.spec.unschedulable}'
  assert_output ''
  run -0 kubectl get deployment held --namespace default -o 'jsonpath={.status.availableReplicas}'
  assert_output 1
  kubectl delete deployment,poddisruptionbudget held --namespace default
}

# bats test_tags=long
@test "a worker is taken out: its pods go on elsewhere, its Node and password are gone, it is bare; n8n serves" {
  run -0 kit --module 9 --uninstall --limit practice-worker-02 --confirm practice-worker-02
  assert_output --partial 'practice-worker-02 is out of the cluster'
  assert_bare worker-02
  run -0 kubectl get node,secret --namespace kube-system -o name
  refute_output --partial practice-worker-02
  run -0 ask /healthz/readiness --fail
  # Nothing below needs it any more.
  kit --module 12 --uninstall --confirm n8n
}

# bats test_tags=long
@test "a server stays while another one is away: exit 3" {
  on master-01 'systemctl stop k3s'
  run kit --module 9 --uninstall --limit practice-master-03 --confirm practice-master-03
  on master-01 'systemctl start k3s'
  assert_equal "$status" 3
  assert_output --partial 'practice-master-01 is not healthy'
  run -0 k3s_step 02_install_control_plane
}

# bats test_tags=long
@test "a server is taken out, killed on the way: an install then says so, the same command ends it; etcd has two voters" {
  run -137 env KEYBUZZ_KILL_AFTER_WRITE=3 ./00_master_install.mjs --env practice --module 9 --uninstall --limit practice-master-03 --confirm practice-master-03
  run -5 k3s_step 02_install_control_plane
  assert_output --partial 'practice-master-03: an uninstall began and did not end'
  assert_output --partial 'kubectl uncordon practice-master-03'
  run -0 kit --module 9 --uninstall --limit practice-master-03 --confirm practice-master-03
  assert_bare master-03
  run -0 on master-01 'cd /var/lib/rancher/k3s/server/tls/etcd && curl -s --cacert server-ca.crt --cert client.crt --key client.key -d "{}" https://127.0.0.1:2382/v3/cluster/member/list'
  assert_equal "$(grep -o '"peerURLs"' <<<"$output" | wc -l)" 2
  refute_output --partial 10.77.0.13
  refute_output --partial isLearner
}

# bats test_tags=long
@test "a dead server is taken out of the cluster unseen: exit 9 says that its disk was not reached" {
  run -0 k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane
  assert_output --partial 'practice-master-03 is ready'
  "$practice" ssh practice-master-03 'systemctl stop k3s; systemctl --no-block stop ssh ssh.socket; pkill -f "^sshd:"' || assert_equal $? 255
  run kit --module 9 --uninstall --limit practice-master-03 --confirm practice-master-03
  assert_equal "$status" 9
  assert_output --partial 'Node practice-master-03, whose host does not answer'
  assert_output --partial 'practice-master-03 did not answer: K3s is still on their disks'
  run -0 kubectl get nodes -o name
  refute_output --partial practice-master-03
  "$practice" reinstall practice-master-03
}

@test "the whole cluster is uninstalled, killed on the way: hosts are bare, snapshots and credentials stay" {
  # The short tests leave it there.
  if kubectl get deployment n8n --namespace n8n-practice; then kit --module 12 --uninstall --confirm n8n; fi
  run -137 env KEYBUZZ_KILL_AFTER_WRITE=8 ./00_master_install.mjs --env practice --module 9 --uninstall --confirm k3s
  run -0 kit --module 9 --uninstall --confirm k3s
  assert_output --partial 'snapshots of the database in /var/backups/keybuzz-k3s'
  for machine in master-01 master-02 worker-01; do assert_bare "$machine"; done
  run -0 on master-01 'ls /var/backups/keybuzz-k3s'
  assert_output --partial 'keybuzz-uninstall-practice-master-01'
  assert [ ! -e "$credentials/kubeconfig" ]
  assert [ ! -e "$credentials/cluster.env" ]
  [[ -n $(setting K3S_TOKEN) ]]
  run -0 kit --module 9 --uninstall --confirm k3s
  assert_output --partial 'is not installed in practice'
}

# bats test_tags=long
@test "hosts that were left are fit for another cluster" {
  run -0 k3s_step 01_prepare
}
