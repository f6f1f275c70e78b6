#!/usr/bin/env bats
# The world breaks while module 12 is installed or looked at, on the quick stand-in of n8n. About 210 s on 2 cores.

setup_file() {
  load helper
  ensure_ground
  kit --module 12 --yes
}

setup() { load helper; }

teardown() {
  end_background
  explain_failure n8n-practice
  # Whatever a failed test left broken.
  if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
    master 'iptables -D INPUT -s 10.77.0.1 -p tcp --dport 6443 -j REJECT --reject-with tcp-reset; pkill -CONT -f "[k]3s etcd"; systemctl start k3s'
    in_backend 'systemctl start postgresql@15-main redis-server'
    "$practice" ssh practice-worker-02 'systemctl start k3s-agent'
    for folder in logs/practice validation/practice credentials/full; do
      ! mountpoint -q "$folder" || umount "$folder"
    done
  fi
}

master() { "$practice" ssh practice-master-01 "$1"; }

# roll_main_out [FLAG...]: a run in the background. Sets $run and $run_talk.
roll_main_out() {
  in_background "$BATS_TEST_TMPDIR/talk" scripts/12_n8n/12_n8n_apply_all.mts --env practice --yes --set "N8N_OWNER_LAST_NAME=Of$RANDOM" "$@"
}

# start_run WORDS [FLAG...]: a run that rolls main out; goes on when its talk holds WORDS.
start_run() {
  roll_main_out "${@:2}"
  until_said "$1"
}

# ends_well: the run in the background gets through, and the next one sends nothing.
ends_well() {
  ends_with 0
  run -0 kit --module 12 --yes
  assert_output --partial 'nothing to do'
}

# bats test_tags=long
@test "the API server is restarted while objects are compared and sent: the run waits for it and goes on" {
  kubectl_that_waits PATCH
  KEYBUZZ_KUBECTL=$BATS_TEST_TMPDIR/kubectl roll_main_out
  until_asking
  master 'systemctl stop k3s'
  touch "$BATS_TEST_TMPDIR/go"
  until_said 'the API server does not answer'
  master 'systemctl start k3s'
  ends_well
}

# bats test_tags=long
@test "the API server is restarted while a rollout is watched: the watch is begun anew" {
  start_run 'deployment/n8n 0/1 ready'
  master 'systemctl restart k3s'
  ends_well
}

# bats test_tags=long
@test "etcd hangs for 12 s: the run waits it out" {
  start_run '12_n8n_01_deploy'
  # The brackets keep the shell that says this from being meant itself.
  master 'pkill -STOP -f "[k]3s etcd"; sleep 12; pkill -CONT -f "[k]3s etcd"'
  ends_well
}

@test "connections to the API server are cut for 8 s: the run goes on" {
  start_run 'deployment/n8n 0/1 ready'
  cut_api 8
  ends_well
}

# bats test_tags=long
@test "PostgreSQL is restarted while main starts: main comes up with it" {
  start_run '4 objects: '
  in_backend 'systemctl stop postgresql@15-main; sleep 4; systemctl start postgresql@15-main'
  ends_well
}

# bats test_tags=long
@test "Redis is restarted while main starts: main comes up with it" {
  start_run '4 objects: '
  in_backend 'systemctl stop redis-server; sleep 4; systemctl start redis-server'
  ends_well
}

# bats test_tags=long
@test "PostgreSQL away from the start: exit 6, nothing written" {
  before=$(versions_of_objects)
  in_backend 'systemctl stop postgresql@15-main'
  run kit --module 12 --yes
  in_backend 'systemctl start postgresql@15-main'
  assert_equal "$status" 6
  assert_output --partial 'PostgreSQL 10.77.0.10:5432 cannot be reached'
  assert_equal "$(versions_of_objects)" "$before"
}

# on_full_disk FOLDER KIB COMMAND...: runs it while FOLDER is a disk of KIB.
on_full_disk() {
  local folder=$1 size=$2
  shift 2
  mkdir -p "$folder"
  mount -t tmpfs -o "size=${size}k,mode=700" tmpfs "$folder"
  run "$@"
  umount "$folder"
}

# bats test_tags=long
@test "the disk is full where reports are written: exit 12, and the next run ends it" {
  on_full_disk validation/practice 4 kit --module 12 --verify
  assert_equal "$status" 12
  assert_output --partial 'the disk of this machine is full'
  run -0 kit --module 12 --verify
}

# bats test_tags=long
@test "the disk is full where logs are written: the work is done, then exit 12; the next run finds nothing left to do" {
  on_full_disk logs/practice 4 kit --module 12 --yes --set N8N_WEBHOOKS_MAX=5
  assert_equal "$status" 12
  assert_output --partial 'the disk of this machine is full'
  run -0 kit --module 12 --yes
  assert_output --partial 'nothing to do'
}

# bats test_tags=long
@test "the disk is full where the cluster's identity is written: exit 12 before any write to the cluster" {
  rm -rf credentials/full
  mkdir -m 700 credentials/full
  mount -t tmpfs -o size=32k,mode=700 tmpfs credentials/full
  cp -p "$credentials"/{platform.env,versions.json,kubeconfig} credentials/full/
  cp -p "$credentials/12_n8n.env" credentials/full/12_n8n.env
  sed -i -E "s/^N8N_REDIS_DB=.*/N8N_REDIS_DB='9'/; s/^N8N_HOST=.*/N8N_HOST='n8n.full.example.com'/" credentials/full/12_n8n.env
  run dd if=/dev/zero of=credentials/full/filler bs=1k
  run ./00_master_install.mjs --env full --module 12 --yes
  umount credentials/full
  rm -rf credentials/full logs/full validation/full
  assert_equal "$status" 12
  assert_output --partial 'cluster.env'
  run -1 kubectl get namespace n8n-full
}

# bats test_tags=long
@test "a lost credentials folder: its secrets come back from the cluster, and nothing is sent" {
  saved=$BATS_TEST_TMPDIR/saved
  cp -rp "$credentials" "$saved"
  rm "$credentials"/{12_n8n.env,platform.env,cluster.env}
  # What is no secret of the cluster: names, addresses, and the administrator's password of PostgreSQL.
  grep -hvE '^(REDIS_PASSWORD|N8N_(OWNER_PASSWORD|ENCRYPTION_KEY|RUNNERS_AUTH_TOKEN|POSTGRES_PASSWORD))=' "$saved"/{platform,12_n8n}.env >"$BATS_TEST_TMPDIR/answers"
  chmod 600 "$BATS_TEST_TMPDIR/answers"
  # Somebody with rights in another namespace would like to say what the password is.
  kubectl create namespace tenant
  kubectl create secret generic planted --namespace tenant --from-literal N8N_OWNER_PASSWORD=planted-3Aa
  kubectl label secret planted --namespace tenant app.kubernetes.io/managed-by=keybuzz keybuzz.io/module=12_n8n keybuzz.io/env=practice
  run kit --module 12 --yes --answers "$BATS_TEST_TMPDIR/answers"
  kubectl delete namespace tenant --timeout=60s
  # Settings of RabbitMQ come back with module 10, which has them.
  for folder in "$saved" "$credentials"; do
    sort "$folder"/{12_n8n,platform}.env | grep -v '^RABBITMQ_' | sha256sum
  done >"$BATS_TEST_TMPDIR/sums"
  rm -rf "$credentials" && cp -rp "$saved" "$credentials"
  assert_equal "$status" 0
  assert_output --partial 'nothing to do'
  assert_equal "$(uniq "$BATS_TEST_TMPDIR/sums" | wc -l)" 1
}

# bats test_tags=long
@test "half of the workers gone: said by --status and by the cluster's checks, with the node's name" {
  "$practice" ssh practice-worker-02 'systemctl stop k3s-agent'
  for _ in {1..160}; do
    [[ $(kubectl get node practice-worker-02 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == Unknown ]] && break || sleep 0.5
  done
  run kit --module 12 --status
  assert_output --regexp 'degraded'
  assert_output --partial 'practice-worker-02'
  run kit --module 9 --verify
  assert_equal "$status" 10
  assert_output --partial 'practice-worker-02'
  "$practice" ssh practice-worker-02 'systemctl start k3s-agent'
  kubectl wait node practice-worker-02 --for=condition=Ready --timeout=60s
  kubectl wait deployment --all --for=condition=Available --namespace n8n-practice --timeout=90s
  run -0 kit --module 12 --yes
}
