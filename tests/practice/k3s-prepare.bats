#!/usr/bin/env bats
# Step 01 of module 9 on bare machines: who reaches whom, and what is prepared. About 120 s on 2 cores. It leaves the
# machines bare: k3s.bats goes on with them.
# bats file_tags=long

setup_file() {
  load helper
  bare_machines
}

setup() { load helper; }

teardown() {
  explain_failure keybuzz-probe
  explain_services master-01 master-02 master-03 worker-01
}

teardown_file() {
  load helper
  local machine
  for machine in master-01 master-02 master-03 worker-01 worker-02; do
    on "$machine" 'ufw --force reset >/dev/null
      systemctl disable --quiet --now nftables keybuzz-firewall firewalld 2>/dev/null
      rm -f /etc/firewalld/zones/*
      nft flush ruleset
      rm -f /usr/local/sbin/keybuzz-firewall /etc/systemd/system/keybuzz-firewall.service /etc/*.d/*keybuzz-k3s.conf
      rm -rf /etc/rancher
      systemctl daemon-reload'
  done
}

prepare() { scripts/09_k3s/09_k3s_01_prepare.mts --env practice "$@"; }

# listeners MACHINE: the ports somebody listens on, but for its own sshd.
listeners() { on "$1" 'ss -Hlntu | awk "{ print \$1, \$5 }" | sort'; }

# stays_shut ADDRESS WORDS: a port nobody declared; WORDS are what a visitor gets to hear.
stays_shut() {
  run timeout 2 bash -c "</dev/tcp/$1/9100"
  [[ $status == 124 && $2 == nothing ]] || assert_output --partial "$2"
}

@test "images for nodes that do not exist yet are refused at once: exit 6" {
  run -6 "$practice" images
  assert_output --partial 'no cluster answers'
}

@test "a packet filter between two hosts is told with the pair and the port, before anything is written: exit 3" {
  on master-02 'nft -f -' <<<'table ip between { chain wire { type filter hook prerouting priority raw; ip saddr 10.77.0.21 tcp dport 6443 drop; }; }'
  run prepare --yes
  on master-02 'nft delete table ip between'
  assert_equal "$status" 3
  assert_output --partial 'practice-master-02: no answer to practice-worker-01 on tcp 6443'
  refute_output --partial 'practice-master-01: no answer'
  refute_output --partial 'no answer to practice-worker-02'
  run -2 on master-01 'ls /etc/modules-load.d/keybuzz-k3s.conf'
}

@test "a plan names what would be written on each host, writes nothing, and leaves no listener" {
  listeners worker-01 >"$BATS_TEST_TMPDIR/before"
  run -4 --separate-stderr prepare --plan
  assert_line '  + host practice-worker-01: /etc/modules-load.d/keybuzz-k3s.conf'
  assert_line '  + host practice-master-03: /etc/rancher/k3s/resolv.conf'
  listeners worker-01 >"$BATS_TEST_TMPDIR/after"
  diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  run -2 on worker-01 'ls /etc/modules-load.d/keybuzz-k3s.conf'
}

@test "hosts are prepared behind nftables, ufw and firewalld: what K3s needs passes, the operator's rules and SSH stay" {
  behind_firewall master-02 nftables
  behind_firewall master-03 ufw
  behind_firewall worker-02 firewalld
  run -0 prepare --yes
  for machine in master-02 master-03 worker-02; do assert_output --partial "practice-$machine: no answer to"; done
  assert_output --partial 'this step opens them'
  assert_output --partial 'the way between the hosts is ready'
  run -0 on master-02 'nft list chain inet filter input'
  assert_output --partial 'policy drop'
  assert_output --partial 'ssh of the operator'
  assert_output --partial 'jump keybuzz_input'
  run -0 on master-02 'nft list chain inet filter keybuzz_forward'
  assert_output --partial 'ip saddr 10.77.0.11 ip daddr 10.42.0.0/16 accept'
  refute_line --regexp '^[[:space:]]*ip daddr 10\.42\.0\.0/16 accept'
  run -0 on master-03 'ufw status verbose'
  assert_output --partial 'deny (incoming)'
  assert_output --partial 'ssh of the operator'
  assert_output --regexp '80,443,2379:2381,6443,10250,31695/tcp +ALLOW IN +10\.77\.0\.11 +# keybuzz'
  stays_shut 10.77.0.12 nothing
  stays_shut 10.77.0.13 nothing
  stays_shut 10.77.0.22 'No route to host'
  run -0 on worker-01 'cat /proc/sys/net/ipv4/ip_forward /etc/rancher/k3s/resolv.conf'
  assert_line 1
  assert_line 'nameserver 10.77.0.1'
}

@test "a second run changes nothing" {
  run -0 prepare --yes
  assert_output --partial 'as they should be, untouched'
}

@test "the openings outlive a restart and a reload of each firewall" {
  on master-02 'systemctl restart nftables'
  on master-03 'systemctl restart ufw'
  on worker-02 'systemctl restart firewalld'
  run -0 prepare --yes
  assert_output --partial 'as they should be, untouched'
  on master-02 'systemctl reload nftables'
  on master-03 'ufw reload'
  on worker-02 'systemctl reload firewalld'
  run -0 prepare --yes
  assert_output --partial 'as they should be, untouched'
}

@test "what was undone by hand is told by a plan and made again" {
  on master-02 'nft flush chain inet filter keybuzz_input'
  on master-03 'ufw delete allow from 10.77.0.21 to any port 80,443,6443,10250,31695 proto tcp'
  on worker-02 'firewall-cmd --quiet --zone=trusted --remove-source=10.42.0.0/16'
  on worker-02 'rm /etc/rancher/k3s/resolv.conf; sysctl -qw net.ipv4.ip_forward=0'
  run -4 --separate-stderr prepare --plan
  openings=$(on master-02 "sed -n '/^lines_input=/,/^lines_forward=/p' /usr/local/sbin/keybuzz-firewall | grep -c '^\(lines_input=.\)\?ip saddr'")
  assert [ "$openings" -ge 7 ]
  assert_line --partial "host practice-master-02: nftables: $openings openings in inet filter input, inet filter forward"
  assert_line --partial 'host practice-master-03: ufw: allow from 10.77.0.21'
  assert_line --partial 'host practice-worker-02: firewalld (runtime): zone trusted: 10.42.0.0/16'
  assert_line '  + host practice-worker-02: /etc/rancher/k3s/resolv.conf'
  assert_line '  ~ host practice-worker-02: raise net.ipv4.ip_forward to 1'
  refute_line --partial practice-master-01
  run -0 prepare --yes
  run -0 on worker-02 'cat /proc/sys/net/ipv4/ip_forward'
  assert_output 1
}

@test "what is prepared is taken away again by name: the operator's rules alone are left" {
  on master-02 '/usr/local/sbin/keybuzz-firewall remove'
  run -0 on master-02 'nft list ruleset'
  refute_output --partial keybuzz
  assert_output --partial 'ssh of the operator'
}

@test "a read-only disk and a machine id that is another host's are told in one answer: exit 3" {
  on worker-01 'mount --bind /etc /etc && mount -o remount,bind,ro /etc'
  on worker-02 'cp -p /etc/machine-id /root/machine-id'
  on worker-01 'cat /etc/machine-id' | on worker-02 'cat >/etc/machine-id'
  run prepare --yes
  on worker-02 'cat /root/machine-id >/etc/machine-id; rm /root/machine-id'
  on worker-01 'umount /etc'
  assert_equal "$status" 3
  assert_output --partial 'host.machine-id-unique'
  assert_output --partial 'practice-worker-01: the same as practice-worker-02'
  assert_output --partial 'host.writable-etc'
}
