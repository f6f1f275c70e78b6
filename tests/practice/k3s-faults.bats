#!/usr/bin/env bats
# What goes wrong under steps 02 and 03 of module 9, on the cluster k3s.bats made: sudo, disks, links, services, locks.
# About 150 s on 2 cores.

setup_file() {
  load helper
  ensure_k3s_cluster
}

setup() { load helper; }

teardown() {
  restore_servers
  explain_failure kube-system
  explain_services master-01 master-02 master-03 worker-01 worker-02
}

# as_sudoer: master-03 is entered by a user whose sudo asks for this password.
as_sudoer() {
  on master-03 'id kbops >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --groups sudo kbops
    install -d -o kbops -m 700 /home/kbops/.ssh && install -o kbops -m 600 /root/.ssh/authorized_keys /home/kbops/.ssh/
    chpasswd' <<<"kbops:$1"
  with_servers '/practice-master-03/s/\troot\t/\tkbops\t/'
}

# hang_start MACHINE: its service does not get on its feet, and the next run must start it anew.
hang_start() {
  on "$1" 'mkdir -p /etc/systemd/system/k3s.service.d
    printf "[Service]\nExecStartPre=/bin/sleep 600\n" >/etc/systemd/system/k3s.service.d/hang.conf
    systemctl daemon-reload && rm -f /etc/rancher/keybuzz.started'
}

unhang_start() { on "$1" 'rm -r /etc/systemd/system/k3s.service.d && systemctl daemon-reload'; }

# waiting_run FILE: step 02 in the background, once it waits for master-03. Sets $run_pid.
waiting_run() {
  k3s_step 02_install_control_plane >"$1" 2>&1 3>&- &
  run_pid=$!
  until grep -q 'practice-master-03: its API does not answer yet' "$1"; do
    kill -0 "$run_pid"
    sleep 0.2
  done
}

# exit_of_run: how the waiting run ended, and after how many seconds.
exit_of_run() {
  local since=$SECONDS
  code=0
  wait "$run_pid" || code=$?
  seconds=$((SECONDS - since))
}

# bats test_tags=long
@test "sudo that asks for a password: exit 8 without it or with a wrong one; with it, over stdin, in no process list" {
  as_sudoer s3cret-of-the-tests
  run -8 k3s_step 02_install_control_plane
  assert_output --partial 'practice-master-03: kbops may not use sudo without a password'
  KEYBUZZ_SUDO_PASSWORD=wrong run -8 k3s_step 02_install_control_plane
  assert_output --partial 'SUDO_PASSWORD is not the password of kbops there'
  refute_output --partial wrong
  on master-03 'rm /usr/local/bin/keybuzz-uninstall-k3s'
  watch_argv master-03 <<<s3cret-of-the-tests
  KEYBUZZ_SUDO_PASSWORD=s3cret-of-the-tests run -0 k3s_step 02_install_control_plane
  refute_output --partial s3cret
  run seen_in_argv master-03
  assert_output 0
  unwatch_argv master-03
  run -0 on master-03 'stat -c "%a %U" /usr/local/bin/keybuzz-uninstall-k3s'
  assert_output '755 root'
  run -1 grep -rl s3cret-of-the-tests logs/practice
}

# bats test_tags=long
@test "a disk that is full during an upload: the old file stays whole, exit 9 names the disk" {
  images=/var/lib/rancher/k3s/agent/images
  # K3s itself has them compressed.
  tarball=$(on worker-01 "ls $images | grep '^keybuzz-k3s-images\.tar'")
  on worker-01 "mount -t tmpfs -o size=64k tmpfs $images && echo old >$images/$tarball"
  run k3s_step 03_join_workers
  on worker-01 "cat $images/*; umount $images" >"$BATS_TEST_TMPDIR/left"
  assert_equal "$status" 9
  assert_output --partial "practice-worker-01: writing $images/$tarball failed"
  assert_output --partial "mounted at $images, has 0 KiB left"
  run cat "$BATS_TEST_TMPDIR/left"
  assert_output old
}

# bats test_tags=long
@test "an image a node has lost is named by the plan and imported again, and K3s is not restarted" {
  images=/var/lib/rancher/k3s/agent/images
  run -0 k3s_step 03_join_workers
  since=$(on worker-01 'systemctl show k3s-agent --property ActiveEnterTimestampMonotonic')
  image=$(on worker-01 "sed -n 's/^[0-9a-f]* \\(.*traefik.*\\)/\\1/p' /etc/rancher/keybuzz.images")
  assert [ -n "$image" ]
  on worker-01 "/usr/local/bin/k3s ctr -n k8s.io images rm --sync $image"
  run -4 --separate-stderr k3s_step 03_join_workers --plan
  assert_output --partial "host practice-worker-01: import $image again, missing in containerd, from keybuzz-traefik.tar"
  run -0 k3s_step 03_join_workers
  assert_output --partial "$image on practice-worker-01 is ready"
  run -0 on worker-01 '/usr/local/bin/k3s ctr -n k8s.io images ls -q'
  assert_line "$image"
  # Its tarball has gone too: it is sent again.
  on worker-01 "/usr/local/bin/k3s ctr -n k8s.io images rm --sync $image; rm $images/keybuzz-traefik.tar"
  run -0 k3s_step 03_join_workers
  run -0 on worker-01 "ls $images/keybuzz-traefik.tar; /usr/local/bin/k3s ctr -n k8s.io images ls -q"
  assert_line "$image"
  assert_equal "$(on worker-01 'systemctl show k3s-agent --property ActiveEnterTimestampMonotonic')" "$since"
  run -0 k3s_step 03_join_workers --plan
}

# bats test_tags=long
@test "a K3s that does not come up: its own last words are on the screen, exit 9; repaired, the next run goes on" {
  on worker-01 'mkdir /etc/rancher/k3s/config.yaml.d && echo "no-such-key: true" >/etc/rancher/k3s/config.yaml.d/by-hand.yaml && rm -f /etc/rancher/keybuzz.started'
  run k3s_step 03_join_workers
  on worker-01 'rm -r /etc/rancher/k3s/config.yaml.d'
  assert_equal "$status" 9
  assert_output --partial 'practice-worker-01 did not become ready: its service ends again and again'
  assert_output --partial 'the last words of k3s-agent:'
  assert_output --partial 'flag provided but not defined: -no-such-key'
  run -0 k3s_step 03_join_workers
}

# bats test_tags=long
@test "a worker with the name of another machine: exit 9 says so while K3s still tries; with its own password it is back" {
  on worker-01 'cp -p /etc/rancher/node/password /root/node-password && echo of-another-machine >/etc/rancher/node/password && rm -f /etc/rancher/keybuzz.started'
  run k3s_step 03_join_workers
  state=$(on worker-01 'systemctl show k3s-agent --property ActiveState,NRestarts; systemctl stop k3s-agent; mv /root/node-password /etc/rancher/node/password')
  assert_equal "$status" 9
  assert_output --partial 'practice-worker-01 did not become ready: it is refused: the cluster knows another machine by its name'
  assert_output --partial 'kubectl delete node practice-worker-01'
  # It was refused and tried again, and did not end.
  assert_equal "$(sort <<<"$state")" $'ActiveState=activating\nNRestarts=0'
  run -0 k3s_step 03_join_workers
}

@test "a link that is cut while the kit waits is noticed at once: exit 6, and nothing is assumed" {
  hang_start master-03
  waiting_run "$BATS_TEST_TMPDIR/run"
  # This session is one of those that end.
  run on master-03 'pkill -f "^sshd: root@notty"'
  exit_of_run
  assert_equal "$code" 6
  assert [ "$seconds" -le 5 ]
  run cat "$BATS_TEST_TMPDIR/run"
  assert_output --partial 'practice-master-03 (10.77.0.13): the connection was lost during:'
  assert_output --partial 'the next run looks at the host'
  unhang_start master-03
  run -0 k3s_step 02_install_control_plane
  # What was begun on the host goes on without the link: the next run waits for it, or finds that it has ended.
  assert_output --regexp 'practice-master-03 is ready|3 of 3 servers run as they should'
  run -0 on master-03 'systemctl is-active k3s'
}

# bats test_tags=long
@test "a link that dies in silence is noticed within 45 s: exit 6; the next run goes on from there" {
  hang_start master-03
  waiting_run "$BATS_TEST_TMPDIR/run"
  # Everything but this session's own port is dropped, both ways.
  # shellcheck disable=SC2016 # expanded on the machine
  on master-03 'set -- $SSH_CONNECTION
    nft "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add chain inet cut out { type filter hook output priority 0; };
      add rule inet cut in ip saddr 10.77.0.1 tcp dport 22 tcp sport != $2 drop; add rule inet cut out ip daddr 10.77.0.1 tcp sport 22 tcp dport != $2 drop"
    systemd-run --quiet --on-active=50 nft delete table inet cut'
  exit_of_run
  assert_equal "$code" 6
  assert [ "$seconds" -le 45 ]
  # Nobody else gets in either, until the machine itself ends it.
  while on master-03 'nft list tables' | grep -q cut; do sleep 1; done
  unhang_start master-03
  run -0 k3s_step 02_install_control_plane
  # What was begun on the host goes on without the link: the next run waits for it, or finds that it has ended.
  assert_output --regexp 'practice-master-03 is ready|3 of 3 servers run as they should'
  run -0 on master-03 'systemctl is-active k3s'
  refute_output --partial 'practice-master-01 is ready'
}

# bats test_tags=long
@test "a run whose lock is gone, as after a suspended night, does nothing more: exit 6" {
  hang_start master-03
  waiting_run "$BATS_TEST_TMPDIR/run"
  for machine in master-01 master-02; do on "$machine" 'pkill -f "^perl -e .*quiet"'; done
  exit_of_run
  unhang_start master-03
  assert_equal "$code" 6
  assert [ "$seconds" -le 5 ]
  run cat "$BATS_TEST_TMPDIR/run"
  assert_output --partial 'the lock of this run on the masters is gone'
  run -0 k3s_step 02_install_control_plane
}

# bats test_tags=long
@test "a lost 09_k3s.env is filled from the masters; another token is exit 5 before any server is changed" {
  cp -p "$credentials/09_k3s.env" "$BATS_TEST_TMPDIR/09_k3s.env"
  sed -i '/^K3S_\(AGENT_\)\?TOKEN=/d' "$credentials/09_k3s.env"
  run -0 k3s_step 00_setup_credentials
  run ! grep -q TOKEN "$credentials/09_k3s.env"
  before=$(on master-01 'sha256sum /etc/rancher/k3s/config.yaml; systemctl show k3s --property ActiveEnterTimestampMonotonic')
  run -0 k3s_step 02_install_control_plane
  assert_output --partial 'K3S_TOKEN taken over from practice-master-01'
  assert_equal "$(grep TOKEN "$credentials/09_k3s.env" | sort)" "$(grep TOKEN "$BATS_TEST_TMPDIR/09_k3s.env" | sort)"
  sed -i "s/^K3S_TOKEN=.*/K3S_TOKEN='of-another-cluster-3Aa'/" "$credentials/09_k3s.env"
  run k3s_step 02_install_control_plane
  cp -p "$BATS_TEST_TMPDIR/09_k3s.env" "$credentials/09_k3s.env"
  assert_equal "$(on master-01 'sha256sum /etc/rancher/k3s/config.yaml; systemctl show k3s --property ActiveEnterTimestampMonotonic')" "$before"
  assert_equal "$status" 5
  # etcd of K3s itself is asked whose token it has; the practice build keeps none there.
  if "$practice" is k3s; then
    assert_output --partial 'K3S_TOKEN is not the one etcd of the cluster has'
  else
    assert_output --partial 'K3S_TOKEN is not the one practice-master-01, practice-master-02, practice-master-03 have'
  fi
  token=$(on master-01 "sed 's/.*://' /var/lib/rancher/k3s/server/token")
  assert_equal "$token" "$(sed -nE "s/^K3S_TOKEN='(.*)'$/\1/p" "$BATS_TEST_TMPDIR/09_k3s.env")"
  run -0 k3s_step 02_install_control_plane
}

# bats test_tags=long
@test "another private address or name of a master in servers.tsv: exit 5 with both, and no host is written to" {
  before=$(what_runs)
  cp -p "$credentials/known_hosts" "$BATS_TEST_TMPDIR/known_hosts"
  key=$(sed -n 's/^practice-master-03,[^ ]* //p' "$credentials/known_hosts")
  printf 'practice-master-03,10.77.0.63 %s\npractice-master-09,10.77.0.13 %s\n' "$key" "$key" >>"$credentials/known_hosts"
  on master-03 'ip address add 10.77.0.63/24 dev "$(ip -o -4 addr show to 10.77.0.13 | awk "{ print \$2 }")"'
  with_servers 's/10\.77\.0\.13/10.77.0.63/g'
  run kit --module 9 --yes
  whole=("$status" "$output")
  run k3s_step 02_install_control_plane
  alone=("$status" "$output")
  restore_servers
  on master-03 'ip address delete 10.77.0.63/24 dev "$(ip -o -4 addr show to 10.77.0.63 | awk "{ print \$2 }")"'
  with_servers 's/practice-master-03/practice-master-09/g'
  run k3s_step 02_install_control_plane
  restore_servers
  cp -p "$BATS_TEST_TMPDIR/known_hosts" "$credentials/known_hosts"
  assert_equal "$(what_runs)" "$before"
  assert_equal "$status" 5
  assert_output --partial 'practice-master-09 joined its cluster as practice-master-03, and servers.tsv calls it practice-master-09'
  assert_equal "${whole[0]} ${alone[0]}" '5 5'
  for output in "${whole[1]}" "${alone[1]}"; do
    assert_output --partial 'practice-master-03 joined its cluster as 10.77.0.13, and servers.tsv says 10.77.0.63'
    assert_output --partial '00_master_install.mjs --module 9 --env practice --uninstall --limit practice-master-03 --confirm practice-master-03'
  done
  run -0 k3s_step 02_install_control_plane
}

# bats test_tags=long
@test "another run, from wherever, that holds any master: exit 11, and nothing is written" {
  on master-02 'mkdir -p -m 700 /run/keybuzz-installer; systemd-run --quiet --unit other-run flock /run/keybuzz-installer/installer.lock sleep 60'
  run k3s_step 02_install_control_plane
  on master-02 'systemctl stop other-run'
  assert_equal "$status" 11
  assert_output --partial 'another run works on practice-master-02'
}

# bats test_tags=long
@test "what a killed run began on a host is waited for before anything is done there" {
  on worker-01 'mkdir -p -m 700 /run/keybuzz-installer; systemd-run --quiet --unit left-over flock --shared /run/keybuzz-installer/work.lock sleep 8; sleep 0.5'
  run -0 k3s_step 03_join_workers
  assert_output --partial 'practice-worker-01: waiting for what an interrupted run began there'
  run on worker-01 'systemctl is-active left-over'
  assert_output inactive
}

# bats test_tags=long
@test "a server is not started while another one is away: exit 3, whatever --limit says" {
  on master-02 'systemctl stop k3s'
  on master-03 'rm -f /etc/rancher/keybuzz.started'
  run kit --module 9 --limit practice-master-03 --yes
  assert_equal "$status" 3
  assert_output --partial 'practice-master-03 must be started or stopped, but practice-master-02 is not healthy'
  on master-02 'systemctl start k3s'
  run -0 k3s_step 02_install_control_plane
}

# bats test_tags=long
@test "an expired client certificate: exit 7 for any module; an install of module 9 fetches another, 0600" {
  # Of the key that stands beside it.
  key=$BATS_TEST_TMPDIR/key
  (umask 077 && sed -n 's/.*client-key-data: //p' "$credentials/kubeconfig" | base64 -d >"$key")
  certificate=$(openssl req -new -key "$key" -subj /CN=expired | openssl x509 -req -signkey "$key" -days -1 2>/dev/null | base64 -w0)
  sed -i -E "s/(client-certificate-data: ).*/\1$certificate/" "$credentials/kubeconfig"
  run -7 kit --module 12 --plan
  assert_output --partial 'client certificate in credentials/practice/kubeconfig expired'
  run -0 k3s_step 02_install_control_plane
  assert_output --regexp 'credentials/practice/kubeconfig: its certificate had -[0-9]+ days left, the new one has 36[0-9]'
  assert_equal "$(stat -c %a "$credentials/kubeconfig")" 600
  run -0 kubectl get --raw /readyz
  for context in kb-practice kb-practice-10.77.0.12 kb-practice-10.77.0.13; do
    run -0 kubectl --context "$context" get --raw /readyz
  done
}
