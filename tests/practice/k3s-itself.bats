#!/usr/bin/env bats
# Module 9 on K3s itself: what the practice build cannot show. From bare machines, or on the cluster k3s.bats left.
# Needs K3s' program and images: PRACTICE_PARTS=FOLDER, or a platform that was brought up with --k3s.

setup_file() {
  load helper
  itself_is_at_hand || return 0
  "$practice" up --bare --images n8n-twin,contract
}

setup() {
  load helper
  load k3s
  itself_is_at_hand || skip 'K3s itself is missing: PRACTICE_PARTS=FOLDER with k3s and its airgap images, from github.com/k3s-io/k3s/releases'
}

teardown() {
  end_watches
  empty_disks
  itself_is_at_hand || return 0
  explain_failure kube-system keybuzz-probe
  explain_services master-01 master-02 master-03 worker-01 worker-02
}

itself_is_at_hand() { "$practice" is k3s || [[ -f ${PRACTICE_PARTS:-}/k3s ]]; }

report=validation/practice/MODULE09_VALIDATION.md

# until_labelled VALUE: the label keybuzz-test of Deployment coredns has it, '' is none; K3s looks at its manifests every 15 s.
until_labelled() {
  local now
  for _ in {1..45}; do
    now=$(kubectl get deployment coredns --namespace kube-system -o 'jsonpath={.metadata.labels.keybuzz-test}' 2>/dev/null) || now=unknown
    if [[ $now == "$1" ]]; then return; fi
    sleep 2
  done
  fail "the label of Deployment coredns is '$now', not '$1'"
}

# answered_again POD: names answer there after 10 s of asking.
answered_again() {
  until_runs master-01 "$1"
  run -0 ask_names master-01 "$1" 10
  assert_equal "$(tail -n 1 <<<"$output" | cut -d' ' -f2)" ok
}

# type_on MACHINE NAME: types them there as root, up to the first that fails.
type_on() {
  local lines
  lines=$(typed "$2")
  [[ -n $lines ]] || fail "the README has no lines $2"
  on "$1" "set -e
$lines"
}

# fill_disk MASTER: from now on its folder of snapshots has room for none, until empty_disks.
filled=()
fill_disk() {
  filled+=("$1")
  on "$1" "mkdir -p $snapshots && mount -t tmpfs -o size=64k tmpfs $snapshots"
}

empty_disks() {
  local machine
  for machine in "${filled[@]}"; do on "$machine" "umount $snapshots" || true; done
  filled=()
}
snapshots=/var/lib/rancher/k3s/server/db/snapshots

# imports_of_restart MACHINE UNIT: `true N`: it has a journal of its newest start, which imported N tarballs.
imports_of_restart() {
  on "$1" "systemctl restart $2"
  kubectl wait node "practice-$1" --for=condition=Ready --timeout=90s >/dev/null
  on "$1" "journalctl _SYSTEMD_INVOCATION_ID=\$(systemctl show $2 -p InvocationID --value) -o cat --no-pager" |
    awk '/Importing images from/ { imported++ } END { print (NR > 5 ? "true" : "false"), imported + 0 }'
}

# until_pulled POD: its image has come; it may have been told to try again once.
until_pulled() {
  for _ in {1..60}; do
    [[ -z $(kubectl get events --field-selector "involvedObject.name=$1,reason=Pulled" -o name) ]] || return 0
    sleep 1
  done
  kubectl describe pod "$1"
  return 1
}

# guarded_on_worker: the worker on which the pod is that a policy guards; moved there from a master.
guarded_on_worker() {
  local masters=(practice-master-0{1,2,3}) node
  node=$(kubectl get pods --namespace keybuzz-probe --selector app.kubernetes.io/component=guarded -o 'jsonpath={.items[0].spec.nodeName}')
  if [[ $node != practice-worker-* ]]; then
    kubectl cordon "${masters[@]}" >&2
    kubectl delete pods --namespace keybuzz-probe --selector app.kubernetes.io/component=guarded >&2
    kubectl rollout status deployment/guarded --namespace keybuzz-probe --timeout=90s >&2 || true
    kubectl uncordon "${masters[@]}" >&2
    node=$(kubectl get pods --namespace keybuzz-probe --selector app.kubernetes.io/component=guarded --field-selector status.phase=Running -o 'jsonpath={.items[0].spec.nodeName}')
  fi
  echo "${node#practice-}"
}

# assert_three_members: etcd lists the three masters, by the line of the README, and all three vote.
assert_three_members() {
  run -0 type_on master-01 members
  assert_equal "$(grep -o '"peerURLs"' <<<"$output" | wc -l)" 3
  refute_output --partial isLearner
  kubectl wait node --all --for=condition=Ready --timeout=240s
}

@test "bare machines become a validated cluster, and the report names what answered" {
  if [[ ! -e $credentials/kubeconfig ]]; then
    started=$SECONDS
    run -0 kit --module 9 --yes
    echo "# module 9 from bare machines: $((SECONDS - started)) s" >&3
  fi
  run cat "$report"
  assert_output --regexp 'Kubernetes: K3s v1\.[0-9.]+\+k3s'
  refute_output --partial 'not K3s itself'
  # Whatever K3s calls it: the image of the probes is one of its tarball's.
  image=$(kubectl get daemonset probe --namespace keybuzz-probe -o 'jsonpath={.spec.template.spec.containers[0].image}')
  on worker-01 "grep -q ' $image\$' /etc/rancher/keybuzz.images"
}

@test "CoreDNS is on every node and each node asks its own; NetworkPolicies are enforced, and modules know it" {
  until_spread
  run -0 kubectl get configmap network-policies --namespace keybuzz-system -o 'jsonpath={.data.enforced}'
  assert_output true
}

# bats test_tags=long
@test "a second run sends nothing" {
  started=$SECONDS
  run -0 kit --module 9 --yes
  assert_output --partial 'nothing to do'
  echo "# second run: $((SECONDS - started)) s" >&3
}

# bats test_tags=long
@test "a restart imports no image again, as long as K3s may keep a list of what it has imported" {
  local cache=/var/lib/rancher/k3s/agent/images/.cache.json
  run -0 imports_of_restart worker-01 k3s-agent
  assert_output 'true 0'
  on worker-01 "rm $cache"
  run -0 imports_of_restart worker-01 k3s-agent
  refute_output 'true 0'
  assert_output --partial true
  # As the next run of module 9 that starts it; K3s fills it.
  on worker-01 ": >$cache"
  imports_of_restart worker-01 k3s-agent
  run -0 imports_of_restart worker-01 k3s-agent
  assert_output 'true 0'
}

# bats test_tags=long
@test "a restart of each server leaves the numbers and the field; a deleted Deployment comes back with them" {
  for machine in master-01 master-02 master-03; do
    on "$machine" 'systemctl restart k3s'
    kubectl wait node --all --for=condition=Ready --timeout=90s
  done
  run -0 kubectl get deployment coredns --namespace kube-system -o 'jsonpath={.spec.replicas}'
  assert_output 5
  run -0 kubectl get service kube-dns --namespace kube-system -o 'jsonpath={.spec.trafficDistribution}'
  assert_output PreferSameNode
  kubectl delete deployment coredns --namespace kube-system
  on master-01 'systemctl restart k3s'
  until_spread
}

# bats test_tags=long
@test "a changed manifest of K3s is applied, and leaves the numbers and the field; so does K3s' own, which a restart lays over it" {
  on master-01 "sed -i -E 's/^( *)kubernetes.io.name: \"?CoreDNS\"?$/&\n\1keybuzz-test: changed/' /var/lib/rancher/k3s/server/manifests/coredns.yaml"
  until_labelled changed
  until_spread
  run -0 kubectl get service kube-dns --namespace kube-system -o 'jsonpath={.metadata.labels.keybuzz-test} {.spec.trafficDistribution}'
  assert_output 'changed PreferSameNode'
  on master-01 'systemctl restart k3s'
  until_labelled ''
  until_spread
}

# bats test_tags=long
@test "the README's lines give K3s' own state back; the next run spreads the addons again" {
  eval "$(typed own)"
  kubectl rollout status deployment/coredns --namespace kube-system --timeout=60s
  run -0 kubectl get deployment coredns metrics-server --namespace kube-system -o 'jsonpath={.items[*].spec.replicas}'
  assert_output '1 1'
  run -0 kubectl get service kube-dns --namespace kube-system -o 'jsonpath={.spec.trafficDistribution}'
  assert_output ''
  run -0 kit --module 9 --yes
  until_spread
}

# bats test_tags=long
@test "a node whose ipset does not work enforces nothing: the check says so, and the journal says why" {
  local machine tools='for tool in ipset aux/ipset; do'
  machine=$(guarded_on_worker)
  [[ $machine == worker-* ]] || fail 'the guarded pod is on no worker'
  # The rules of before would go on enforcing.
  on "$machine" "cd /var/lib/rancher/k3s/data/current/bin; $tools if [ -e \$tool ]; then mv \$tool \$tool.away; fi; done
    systemctl stop k3s-agent; nft flush ruleset; systemctl start k3s-agent"
  kubectl wait node "practice-$machine" --for=condition=Ready --timeout=90s
  run kit --module 9 --verify
  on "$machine" "cd /var/lib/rancher/k3s/data/current/bin; $tools if [ -e \$tool.away ]; then mv \$tool.away \$tool; fi; done
    systemctl restart k3s-agent; journalctl -u k3s-agent | grep 'Skipping network policy controller'"
  assert_equal "$status" 10
  # Everywhere, when both pods that are guarded are on this node.
  assert_output --regexp 'not enforced( everywhere)?: [0-9]+ forbidden flows pass'
  assert_output --partial '(k3s.network-policies)'
  kubectl wait node "practice-$machine" --for=condition=Ready --timeout=90s
  run -0 kit --module 9 --verify
}

# bats test_tags=long
@test "a mirror with a CA of its own and an account: every node pulls by it, for root alone; taken out, its files go" {
  local port machine
  make_authority "$BATS_TEST_TMPDIR/tls" 10.77.0.1
  PASSWORD=a-mirror-password-of-the-tests bin/ts tests/practice/mirror-standin.mts 10.77.0.1 "$BATS_TEST_TMPDIR/tls" nodes >"$BATS_TEST_TMPDIR/asked" 3>&- &
  watches+=($!)
  for _ in {1..100}; do [[ ! -s $BATS_TEST_TMPDIR/asked ]] || break; sleep 0.1; done
  port=$(head -n 1 "$BATS_TEST_TMPDIR/asked")
  install -m 600 "$BATS_TEST_TMPDIR/tls/ca.crt" "$credentials/09_k3s.hosts.mirror.ca"
  KEYBUZZ_HOSTS_MIRROR_PASSWORD=a-mirror-password-of-the-tests run -0 k3s_step 00_setup_credentials \
    --set "HOSTS_MIRROR=https://10.77.0.1:$port" --set HOSTS_MIRROR_FOR=mirrored.example.com --set HOSTS_MIRROR_USER=nodes
  run -0 k3s_step 02_install_control_plane
  run -0 k3s_step 03_join_workers
  for machine in master-01 master-02 master-03 worker-01 worker-02; do
    assert_equal "$(on "$machine" 'stat -c "%a %U" /etc/rancher/k3s/registries.yaml /etc/rancher/k3s/keybuzz-mirror-ca.pem' | sort -u)" '600 root'
    # Its kubelet pulls; there is nothing in the image that could run.
    kubectl run "pull-$machine" --image=mirrored.example.com/small:1 --restart=Never --overrides "{\"spec\": {\"nodeName\": \"practice-$machine\"}}"
    until_pulled "pull-$machine"
    kubectl delete pod "pull-$machine" --now
  done
  # Each asked for the manifest of the image, and said for which registry.
  assert [ "$(grep -c '/v2/small/manifests/1?ns=mirrored.example.com' "$BATS_TEST_TMPDIR/asked")" -ge 5 ]
  run -1 grep -rlF a-mirror-password-of-the-tests logs/practice
  run -0 k3s_step 02_install_control_plane
  assert_output --partial '3 of 3 servers run as they should, untouched'
  sed -i "s/^\(HOSTS_MIRROR[A-Z_]*\)=.*/\1=''/" "$credentials/09_k3s.env"
  rm "$credentials/09_k3s.hosts.mirror.ca"
  run -0 k3s_step 02_install_control_plane
  run -0 k3s_step 03_join_workers
  for machine in master-01 worker-02; do
    run -2 on "$machine" 'ls /etc/rancher/k3s/registries.yaml'
    run -2 on "$machine" 'ls /etc/rancher/k3s/keybuzz-mirror-ca.pem'
    run ! on "$machine" 'grep -rl 10.77.0.1 /var/lib/rancher/k3s/agent/etc/containerd/certs.d'
  done
  run -0 kit --module 9 --verify
}

# bats test_tags=long
@test "a master whose Node was deleted, while it ran or while it was off, is brought back by the next run" {
  kubectl delete node practice-master-03
  on master-03 'timeout 60 sh -c "until [ -e /var/lib/rancher/k3s/server/db/etcd/tombstone ]; do sleep 1; done"'
  assert_equal "$(on master-03 'systemctl is-active k3s')" active
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  # The one that began: it has no server to join in its configuration, and may lead the controllers.
  on master-01 'systemctl stop k3s'
  through master-02 delete node practice-master-01
  run -0 k3s_step 02_install_control_plane
  assert_three_members
}

# bats test_tags=long
@test "a master installed anew joins, whether its Node does not name its member or is gone and its member stays" {
  local annotations='etcd.k3s.cattle.io/node-name- etcd.k3s.cattle.io/node-address-'
  on master-03 'systemctl stop k3s'
  # shellcheck disable=SC2086 # two words
  through master-01 annotate node practice-master-03 $annotations
  "$practice" reinstall practice-master-03
  k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  on master-03 'systemctl stop k3s'
  # shellcheck disable=SC2086 # two words
  through master-01 annotate node practice-master-03 $annotations
  through master-01 delete node practice-master-03 --wait=false
  through master-01 patch node practice-master-03 --type=merge --patch '{"metadata":{"finalizers":null}}'
  "$practice" reinstall practice-master-03
  k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane
  assert_three_members
}

# bats test_tags=long
@test "two masters destroyed: the kit leads to the README, and its lines to three whole ones with all that was written" {
  kubectl create configmap written-last --namespace default
  "$practice" cut practice-master-02
  "$practice" cut practice-master-03
  run k3s_step 02_install_control_plane
  assert_equal "$status" 6
  assert_output --partial 'When most servers are lost'
  type_on master-01 survivor
  run -0 type_on master-01 reset
  assert_output --partial 'Managed etcd cluster membership has been reset'
  type_on master-01 start
  "$practice" reinstall practice-master-02
  "$practice" reinstall practice-master-03
  k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  kubectl get configmap written-last --namespace default
}

# bats test_tags=long
@test "a server that was reset alone, and is off while the others go on, is not started beside them; the README's lines bring it back" {
  local machine
  for machine in master-01 master-02 master-03; do on "$machine" 'systemctl stop k3s'; done
  type_on master-02 survivor
  run -0 type_on master-02 reset
  type_on master-02 start
  through master-02 create configmap written-alone --namespace default
  on master-02 'systemctl stop k3s'
  # With their old data: two of three are the old cluster.
  on master-01 'systemctl start --no-block k3s'
  on master-03 'systemctl start k3s'
  on master-01 'systemctl start k3s'
  kubectl create configmap written-meanwhile --namespace default
  run -5 k3s_step 02_install_control_plane
  assert_output --partial 'practice-master-02 holds another history of the cluster than the servers that run'
  assert_equal "$(on master-02 'systemctl is-active k3s || true')" inactive
  type_on master-02 others
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  kubectl get configmap written-meanwhile --namespace default
  run ! kubectl get configmap written-alone --namespace default
  on master-02 'rm -r /var/lib/rancher/k3s/server/db.away /var/backups/k3s-server.before'
}

# bats test_tags=long
@test "a snapshot is restored by the README's lines while the others live: what came after it is gone" {
  on master-02 '/usr/local/bin/k3s etcd-snapshot save'
  kubectl create configmap after-it --namespace default
  type_on master-01 others
  type_on master-03 others
  run on master-02 'systemctl stop k3s; /usr/local/bin/k3s server --cluster-reset'
  assert_equal "$status" 1
  assert_output --partial 'cannot perform cluster-reset while server URL is set'
  type_on master-02 survivor
  run -0 type_on master-02 restore
  assert_output --partial 'Managed etcd cluster membership has been reset'
  # Its own database is reset once; a restore does not ask for that.
  run type_on master-02 reset
  assert_equal "$status" 1
  assert_output --partial 'reset-flag'
  type_on master-02 again
  run -0 type_on master-02 restore
  type_on master-02 start
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  kubectl get configmap written-last --namespace default
  run ! kubectl get configmap after-it --namespace default
}

# bats test_tags=long
@test "no server is left: a snapshot and the tokens of its time bring the cluster back; with another token nothing starts" {
  local machine identity
  identity=$(kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}')
  on master-01 "/usr/local/bin/k3s etcd-snapshot save >&2 && cat $snapshots/\$(ls -t $snapshots | head -n 1)" >"$BATS_TEST_TMPDIR/snapshot"
  for machine in master-01 master-02 master-03; do "$practice" reinstall "practice-$machine"; done
  mv "$credentials/cluster.env" "$credentials/kubeconfig" "$BATS_TEST_TMPDIR/"
  k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane --limit practice-master-01
  on master-01 'mkdir -p /var/backups/keybuzz-k3s && cat >/var/backups/keybuzz-k3s/snapshot' <"$BATS_TEST_TMPDIR/snapshot"
  on master-01 'cp -p /etc/rancher/k3s/config.yaml /root/config.yaml && sed -i "s/^token: .*/token: of-another-cluster/" /etc/rancher/k3s/config.yaml'
  run type_on master-01 bare
  assert_equal "$status" 1
  assert_output --partial 'bootstrap data already found and encrypted with different token'
  on master-01 'cp -p /root/config.yaml /etc/rancher/k3s/config.yaml'
  run -0 type_on master-01 bare
  mv "$BATS_TEST_TMPDIR/cluster.env" "$BATS_TEST_TMPDIR/kubeconfig" "$credentials/"
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  assert_equal "$(kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}')" "$identity"
  kubectl get configmap written-last --namespace default
}

# bats test_tags=long
@test "a fixed value changed in 09_k3s.env, on one host and on all: exit 5 with both values and both ways, and nothing is written" {
  local machine before config=/etc/rancher/k3s/config.yaml
  before=$(what_runs)
  with_setting "$credentials/09_k3s.env" FLANNEL_BACKEND host-gw k3s_step 02_install_control_plane
  assert_equal "$(what_runs)" "$before"
  assert_equal "$status" 5
  assert_output --partial "FLANNEL_BACKEND: vxlan in $config of practice-master-01, host-gw in the settings"
  assert_output --partial "write into 09_k3s.env of this environment: FLANNEL_BACKEND='vxlan'"
  on master-02 "cp -p $config /root/config.yaml && sed -i 's/^cluster-dns: .*/cluster-dns: 10.43.0.20/' $config"
  before=$(what_runs)
  run k3s_step 02_install_control_plane
  assert_equal "$(what_runs)" "$before"
  assert_equal "$status" 5
  assert_output --partial "CLUSTER_DNS: 10.43.0.20 in $config of practice-master-02, 10.43.0.10 in the settings"
  assert_output --partial 'on practice-master-02 write "cluster-dns: 10.43.0.10"'
  for machine in master-01 master-03; do on "$machine" "cp -p $config /root/config.yaml && sed -i 's/^cluster-dns: .*/cluster-dns: 10.43.0.20/' $config"; done
  run k3s_step 02_install_control_plane
  assert_equal "$status" 5
  assert_output --partial "write into 09_k3s.env of this environment: CLUSTER_DNS='10.43.0.20'"
  assert_output --partial 'on practice-master-01, practice-master-02, practice-master-03 write "cluster-dns: 10.43.0.10"'
  # What the message names does tell which side was changed.
  run -0 kubectl get configmap cluster --namespace keybuzz-system -o yaml
  assert_output --partial 'dns: 10.43.0.10'
  for machine in master-01 master-02 master-03; do on "$machine" "cp -p /root/config.yaml $config"; done
  run -0 k3s_step 02_install_control_plane
  assert_output --partial '3 of 3 servers run as they should, untouched'
}

# token_of MACHINE: what its server/token has behind the last colon.
token_of() { on "$1" "sed 's/.*://' /var/lib/rancher/k3s/server/token"; }

# until_journal MACHINE WORDS: until its K3s has written them within the last minutes.
until_journal() {
  on "$1" "timeout 120 sh -c 'until journalctl --unit k3s --since=-3min --output cat | grep -q \"$2\"; do sleep 1; done'"
}

# bats test_tags=long
@test "a server token that was rotated: exit 5 before anything is written; the README's lines give it to every server" {
  local machine before token
  cp -p "$credentials/09_k3s.env" "$BATS_TEST_TMPDIR/09_k3s.env"
  run -0 type_on master-02 rotate
  before=$(what_runs)
  run k3s_step 02_install_control_plane
  assert_equal "$(what_runs)" "$before"
  assert_equal "$status" 5
  assert_output --partial 'K3S_TOKEN is not the one etcd of the cluster has'
  assert_output --partial '/var/lib/rancher/k3s/server/token of practice-master-02 has it, 09_k3s.env has another'
  sed -i '/^K3S_TOKEN=/d' "$credentials/09_k3s.env"
  run -0 k3s_step 02_install_control_plane
  assert_output --partial 'K3S_TOKEN taken over from practice-master-02'
  token=$(setting K3S_TOKEN)
  refute_output --partial "$token"
  assert [ "$token" != "$(sed -nE "s/^K3S_TOKEN='(.*)'$/\1/p" "$BATS_TEST_TMPDIR/09_k3s.env")" ]
  for machine in master-01 master-02 master-03; do assert_equal "$(token_of "$machine")" "$token"; done
  assert_three_members
  run -0 k3s_step 02_install_control_plane
  assert_output --partial '3 of 3 servers run as they should, untouched'
  # What would have ended each of them.
  for machine in master-01 master-02 master-03; do
    on "$machine" 'systemctl restart k3s'
    kubectl wait node --all --for=condition=Ready --timeout=240s
  done
}

# bats test_tags=long
@test "a server that starts between a rotation and the next run has ended: the run begins with it and says what to type there" {
  # By this one the others have joined: it still takes the older token, and tells what it has on its disk.
  run -0 type_on master-01 rotate
  on master-03 'systemctl restart --no-block k3s'
  until_journal master-03 'cred/passwd newer than datastore'
  sed -i '/^K3S_TOKEN=/d' "$credentials/09_k3s.env"
  run k3s_step 02_install_control_plane
  assert_equal "$status" 9
  assert_output --partial 'practice-master-03 did not become ready'
  assert_output --partial 'rm /var/lib/rancher/k3s/server/cred/passwd'
  assert_output --partial '"Tokens and snapshots"'
  type_on master-03 passwd
  run -0 k3s_step 02_install_control_plane
  assert_equal "$(token_of master-03)" "$(setting K3S_TOKEN)"
  assert_three_members
  run -0 k3s_step 02_install_control_plane
  assert_output --partial '3 of 3 servers run as they should, untouched'
}

# bats test_tags=long
@test "an agent token changed by hand on a server: exit 5 names it; put back by the README's lines it starts again and again" {
  local before config=/etc/rancher/k3s/config.yaml
  on master-02 "cp -p $config /root/config.yaml && sed -i 's/^agent-token: .*/agent-token: changed-by-hand-3Aa/' $config && systemctl restart k3s"
  kubectl wait node --all --for=condition=Ready --timeout=240s
  before=$(what_runs)
  run k3s_step 02_install_control_plane
  assert_equal "$(what_runs)" "$before"
  assert_equal "$status" 5
  assert_output --partial 'K3S_AGENT_TOKEN is not the one practice-master-02 has'
  assert_output --partial 'if agent-token: was changed on practice-master-02'
  refute_output --partial changed-by-hand
  on master-02 'systemctl restart --no-block k3s'
  until_journal master-02 'cred/passwd newer than datastore'
  on master-02 "cp -p /root/config.yaml $config"
  type_on master-02 passwd
  on master-02 'systemctl restart k3s'
  kubectl wait node --all --for=condition=Ready --timeout=240s
  run -0 k3s_step 02_install_control_plane
  assert_output --partial '3 of 3 servers run as they should, untouched'
  assert_three_members
}

# bats test_tags=long
@test "nftables flushed, stopped and started under load: names come back, open policies are named, the openings stay" {
  local machine pod names started
  machine=$(guarded_on_worker)
  [[ $machine == worker-* ]] || fail 'the guarded pod is on no worker'
  behind_firewall "$machine" nftables
  run -0 k3s_step 01_prepare --yes
  pod=$(probe_on "$machine")
  # The start of nftables has flushed the rules of K3s.
  on "$machine" 'systemctl restart k3s-agent'
  answered_again "$pod"
  # Servers that came back have left two CoreDNS on one node: the run brings them apart.
  run -0 kit --module 9 --yes
  ask_names master-01 "$pod" 60 >"$BATS_TEST_TMPDIR/names" &
  names=$!
  sleep 5
  on "$machine" 'nft flush ruleset'
  wait "$names"
  echo "# after a flush: names lost $(grep -c lost "$BATS_TEST_TMPDIR/names") of 60" >&3
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/names" | cut -d' ' -f2)" ok
  # Policies may be open for minutes: the check gives them 60 s, then it names them with the cure.
  run kit --module 9 --verify
  if ((status != 0)); then
    assert_equal "$status" 10
    assert_output --partial '(k3s.network-policies)'
    assert_output --partial 'restart K3s too'
    refute_output --partial '(k3s.service)'
  fi
  ask_names master-01 "$pod" 30 >"$BATS_TEST_TMPDIR/names" &
  names=$!
  on "$machine" 'systemctl stop nftables'
  on "$machine" 'systemctl start nftables'
  assert_equal "$(on "$machine" 'systemctl is-active nftables keybuzz-firewall' | xargs)" 'active active'
  run -0 k3s_step 01_prepare --yes
  assert_output --partial 'as they should be, untouched'
  started=$SECONDS
  on "$machine" 'systemctl restart k3s-agent'
  # It ends the connection by which they are asked.
  wait "$names" || true
  answered_again "$pod"
  run -0 kit --module 9 --verify
  echo "# after a stop and a start: names lost $(grep -c lost "$BATS_TEST_TMPDIR/names") of $(wc -l <"$BATS_TEST_TMPDIR/names"), validated $((SECONDS - started)) s after a restart of K3s" >&3
  on "$machine" '/usr/local/sbin/keybuzz-firewall remove
    systemctl disable --quiet --now keybuzz-firewall nftables
    rm -f /usr/local/sbin/keybuzz-firewall /etc/systemd/system/keybuzz-firewall.service
    systemctl daemon-reload; systemctl restart k3s-agent'
  kubectl wait node "practice-$machine" --for=condition=Ready --timeout=90s
}

# bats test_tags=long
@test "a snapshot on a full disk is none: the check has the error of each server, an uninstall ends with exit 9 and leaves every host" {
  local machine
  if kubectl get deployment n8n --namespace n8n-practice; then kit --module 12 --uninstall --confirm n8n; fi
  for machine in master-01 master-02 master-03; do
    fill_disk "$machine"
    # K3s says that all is well.
    on "$machine" '/usr/local/bin/k3s etcd-snapshot save'
    run -0 on "$machine" "find $snapshots -type f -name 'on-demand-*' -size +0 ! -name '*.part'"
    assert_output ''
  done
  run kit --module 9 --verify
  assert_equal "$status" 10
  assert_output --partial '(k3s.snapshots)'
  for machine in master-01 master-02 master-03; do
    assert_output --regexp "practice-$machine: the newest failed: .*no space left on device"
  done
  run -9 kit --module 9 --uninstall --confirm k3s
  assert_output --partial 'no last snapshot of etcd could be saved'
  # Nothing of the module is gone from the cluster either, and no revision was begun.
  kubectl get daemonset probe --namespace keybuzz-probe
  run -0 kit --module 9 --status
  refute_output --partial 'was begun and not finished'
  kubectl wait node --all --for=condition=Ready --timeout=60s
  empty_disks
  for machine in master-01 master-02 master-03; do on "$machine" '/usr/local/bin/k3s etcd-snapshot save'; done
  run -0 kit --module 9 --yes
}

# own_disk MACHINE FOLDER: from now on an ext4 disk of 6 GiB is mounted there, until its machine is installed anew.
own_disk() {
  on "$1" "set -e
    truncate -s 6G /srv/disk.img && mkfs.ext4 -q /srv/disk.img
    [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
    for number in 0 1 2 3 4 5 6 7; do [ -e /dev/loop\$number ] || mknod /dev/loop\$number b 7 \$number; done
    mkdir -p $2 && mount -o loop /srv/disk.img $2"
}

# bats test_tags=long
@test "etcd on a disk of its own: a master joins on it; its uninstall saves the snapshots and empties the disk where it is; it joins again" {
  local db=/var/lib/rancher/k3s/server/db
  "$practice" reinstall practice-master-03
  own_disk master-03 "$db"
  run -0 k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  on master-03 "mountpoint $db && ls $db/etcd/member/wal && /usr/local/bin/k3s etcd-snapshot save"
  run -0 kit --module 9 --uninstall --limit practice-master-03 --confirm practice-master-03
  run -0 on master-03 'ls /var/backups/keybuzz-k3s'
  assert_output --partial on-demand-practice-master-03
  run -0 on master-03 "mountpoint --quiet $db && find $db -mindepth 1"
  assert_output ''
  run -2 on master-03 'ls /usr/local/bin/k3s'
  run -0 k3s_step 01_prepare
  run -0 k3s_step 02_install_control_plane
  assert_three_members
  on master-03 "mountpoint $db && ls $db/etcd/member/wal"
}

# tools_to MACHINE FOLDER: from now on its iptables is there alone, under the names K3s looks for.
tools_to() {
  on "$1" "set -e
    mkdir -p /root/iptables $2
    for program in /usr/sbin/xtables-*-multi; do [ ! -e \$program ] || mv \$program /root/iptables/; done
    cp /root/iptables/xtables-nft-multi $2/
    for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do ln -sf xtables-nft-multi $2/\$name; done"
}

# bats test_tags=long
@test "a host without iptables: what K3s brings serves, enforces and is taken off; without that too, the run says why" {
  local machine aux=/var/lib/rancher/k3s/data/current/bin/aux
  # Hosts that joined anew have none of what is spread over all.
  run -0 kit --module 9 --yes
  machine=$(guarded_on_worker)
  [[ $machine == worker-* ]] || fail 'the guarded pod is on no worker'
  # Where the release has its own: the build from source has none.
  tools_to "$machine" "$aux"
  run -127 on "$machine" 'iptables -V'
  # The rules of before would go on serving.
  on "$machine" 'systemctl stop k3s-agent; nft flush ruleset; systemctl start k3s-agent'
  kubectl wait node "practice-$machine" --for=condition=Ready --timeout=90s
  run -0 kit --module 9 --verify
  on "$machine" "mv $aux/xtables-nft-multi $aux/away; systemctl restart --no-block k3s-agent"
  run k3s_step 03_join_workers
  assert_equal "$status" 9
  assert_output --partial "practice-$machine did not become ready: its service ends again and again"
  assert_output --partial 'iptables is not available on this host'
  assert_output --partial 'no iptables works there'
  on "$machine" "mv $aux/away $aux/xtables-nft-multi"
  run -0 k3s_step 03_join_workers
  run -0 kit --module 9 --uninstall --limit "practice-$machine" --confirm "practice-$machine"
  on "$machine" 'mv /root/iptables/* /usr/sbin/'
  run -0 on "$machine" 'iptables-save && ip6tables-save'
  refute_output --regexp 'KUBE|FLANNEL|CNI'
  run -0 k3s_step 01_prepare
  run -0 k3s_step 03_join_workers
}

# bats test_tags=long
@test "an uninstall leaves no chain, set, mount, interface or process" {
  local machine sets=0
  # The ipset of K3s goes with it, and the machines have none: it is asked by a copy.
  for machine in master-01 master-02 master-03 worker-01 worker-02; do
    on "$machine" 'mkdir -p /root/sets && cd /var/lib/rancher/k3s/data/current/bin && cp -a $(ls -d ipset* lib-ipset aux/ipset* 2>/dev/null) /root/sets'
    sets=$((sets + $(on "$machine" '/root/sets/ipset list -n | grep -ciE "^(inet6:)?KUBE-" || true')))
  done
  assert [ "$sets" -gt 0 ]
  if kubectl get deployment n8n --namespace n8n-practice; then kit --module 12 --uninstall --confirm n8n; fi
  run -0 kit --module 9 --uninstall --confirm k3s
  # A disk of its own stays mounted, and nothing but the folders that lead to it.
  on master-03 'if mountpoint --quiet /var/lib/rancher/k3s/server/db; then umount /var/lib/rancher/k3s/server/db && cd /var/lib/rancher && rmdir -p k3s/server/db; fi'
  for machine in master-01 master-02 master-03 worker-01 worker-02; do
    run on "$machine" 'iptables-save | grep -E "KUBE|FLANNEL|CNI"; ip6tables-save | grep -E "KUBE|FLANNEL|CNI"
      nft list ruleset | grep -iE "kube|flannel"; /root/sets/ipset list -n | grep -iE "kube"; rm -r /root/sets; ls -d /usr/local/bin/* /var/lib/rancher/* /var/lib/kubelet /etc/rancher /run/k3s /run/flannel 2>/dev/null
      grep -E "/(k3s|kubelet|cni-)" /proc/self/mounts; ls /sys/class/net | grep -E "cni|flannel|veth|keybuzz"; ps ax | grep -E "[c]ontainerd|[k]3s (server|agent)"; true'
    assert_output ''
  done
}
