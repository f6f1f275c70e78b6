import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { root } from '../../../../lib/base/files.mts'
import type { Member } from '../../../../lib/hosts/hosts.mts'
import { isInRange, isWithin, rangesOverlap } from '../../../../scripts/09_k3s/host/cidr.mts'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import type { HostFacts } from '../../../../scripts/09_k3s/preflight/check.mts'
import { hostChecks } from '../../../../scripts/09_k3s/preflight/checks.mts'
import { parseDocument } from '../../../../scripts/09_k3s/host/document.mts'
import { judge } from '../../../../scripts/09_k3s/preflight/judge.mts'
import { thisMachine, type Blocked } from '../../../../scripts/09_k3s/reach/reach.mts'
import { openInPublic, publicAddressesOf } from '../../../../scripts/09_k3s/reach/public.mts'
import { preflightScript } from '../../../../scripts/09_k3s/preflight/script.mts'
import { waivedOf, waivedProblem } from '../../../../scripts/09_k3s/settings-waived.mts'

// What a host says, written down: no machine can be given each of these faults. Whether real machines answer so is
// proven on real machines, by module 9 itself.

const good = readFileSync(join(root, 'tests/fixtures/hosts/good.txt'), 'utf8')
/** The same host with another name, address and identity. */
const twin = good
  .replaceAll('master-01', 'master-02')
  .replace('192.0.2.1/24', '192.0.2.2/24')
  .replace('48adfd01', '48adfd02')
  .replace('4544-0001', '4544-0002')
  .replace('Example01', 'Example02')

const settingsWith = (more: Record<string, string>) => {
  const saved = { DOMAIN: 'dev.example.com', OPERATOR_EMAIL: 'ops@example.com', ...more }
  const sources = { env: 'dev', overrides: {}, saved, variables: {} }
  return typed('dev', resolve([...k3s.shared, ...k3s.settings], sources)) as K3sSettings
}

const members: Member[] = [
  { name: 'k8s-master-01', address: '192.0.2.1', role: 'master' },
  { name: 'k8s-master-02', address: '192.0.2.2', role: 'master' },
]
const silent: Blocked = {
  from: 'k8s-master-02',
  to: 'k8s-master-01',
  protocol: 'tcp',
  port: '6443',
  how: 'silent',
}

interface Given {
  text?: string
  other?: string
  settings?: Record<string, string>
  role?: HostFacts['role']
  clockOffset?: number
  blocked?: readonly Blocked[]
  publicAddress?: string | undefined
  publicPorts?: HostFacts['publicPorts']
  program?: string
}
const host = ({
  text = good,
  other = twin,
  settings = {},
  role = 'master',
  clockOffset = 0,
  blocked = [],
  publicAddress,
  publicPorts = [],
  program = 'x86_64',
}: Given): HostFacts => ({
  name: 'k8s-master-01',
  role,
  address: '192.0.2.1',
  said: parseDocument('k8s-master-01', text),
  others: [{ name: 'k8s-master-02', address: '192.0.2.2', said: parseDocument('k8s-master-02', other) }],
  settings: settingsWith(settings),
  clockOffset,
  members: members.map((one) => (one.name === 'k8s-master-01' ? { ...one, publicAddress } : one)),
  blocked,
  publicPorts,
  program,
})

test('there are at least 80 checks a host, each with a statement, a fix and a name of its own', () => {
  assert.ok(hostChecks.length >= 80, String(hostChecks.length))
  assert.equal(new Set(hostChecks.map(({ id }) => id)).size, hostChecks.length)
  for (const { id, title, fix } of hostChecks) assert.ok(title.length > 5 && fix.length > 5, id)
})

for (const [what, given] of [
  ['a right master', {}],
  ['a right worker', { role: 'worker' }],
] as const) {
  test(`${what} passes every check`, () => assert.deepEqual(judge([host(given)], new Map()), []))
}

const said = (before: string | RegExp, after: string): Given => {
  const text = good.replace(before, after)
  assert.notEqual(text, good, String(before))
  return { text }
}
const without = (line: string): Given => said(new RegExp(`^${line}.*\n`, 'm'), '')
/** Neither there nor to be had. */
const missing = (module: string): Given => {
  const { text = '' } = without(`module ${module}`)
  return { text: text.replace(`loaded ${module}\n`, '') }
}
const also = (line: string): Given => said('end 1', `${line}\nend 1`)
const mount = (path: string, options: string): Given =>
  said(`mount ${path} ext4 rw,relatime`, `mount ${path} ${options}`)

/** A folder of its own disk: what is measured is that one. */
const onItsOwnDisk = (key: string, kib: string, options = 'ext4 rw,relatime'): Given => {
  const path = key === 'db' ? '/var/lib/rancher/k3s/server/db' : '/var/lib/kubelet'
  const { text = '' } = said(`${key} /var/lib\n`, `${key} ${path}\n`)
  return { text: text.replace('end 1', `disk ${path} ${kib} ${path}\nmount ${path} ${options}\nend 1`) }
}

const faults: Readonly<Record<string, readonly [given: Given, result: 'failed' | 'warning', seen: RegExp]>> =
  {
    'host.root': [said('uid 0', 'uid 1000'), 'failed', /uid 1000/],
    'host.architecture': [said('arch x86_64', 'arch armv7l'), 'failed', /armv7l/],
    'host.same-architecture': [{ other: twin.replace('x86_64', 'aarch64') }, 'failed', /x86_64/],
    'host.program': [{ program: 'aarch64' }, 'failed', /x86_64, the program is for aarch64/],
    'host.system': [said('debian 12', 'debian 10'), 'failed', /debian 10/],
    'host.systemd': [said('init systemd', 'init init'), 'failed', /process 1 is init/],
    'host.systemd-version': [said('systemd 252', 'systemd 237'), 'failed', /237/],
    'host.units': [said('state running', 'state degraded'), 'warning', /degraded/],
    'host.virtualization': [said('virt kvm', 'virt lxc'), 'warning', /lxc/],
    'host.reboot': [also('reboot linux-image required'), 'warning', /linux-image/],
    'host.automatic-reboot': [also('Unattended-Upgrade::Automatic-Reboot "true";'), 'warning', /true/],
    'host.packages': [also('dpkg locked'), 'failed', /locked/],
    'host.cpus': [said('cpus 4', 'cpus 1'), 'failed', /1, at least 2/],
    'host.memory': [said('memtotal 8126840', 'memtotal 1000000'), 'failed', /977 MiB, at least/],
    'host.memory-free': [said('memavailable 7400000', 'memavailable 600000'), 'warning', /586 MiB, better/],
    'host.swap': [also('swap /dev/sda2 1048572'), 'warning', /sda2/],
    'host.disk-data': [
      said('disk /var/lib 57976332', 'disk /var/lib 1976332'),
      'failed',
      /1930 MiB free, at least 20 GiB/,
    ],
    'host.disk-root': [said('disk / 57972428', 'disk / 972428'), 'failed', /950 MiB/],
    'host.disk-db': [onItsOwnDisk('db', '3000000'), 'failed', /2930 MiB free, at least 5 GiB/],
    'host.disk-kubelet': [onItsOwnDisk('kubelet', '1000000'), 'failed', /977 MiB free, at least 2 GiB/],
    'host.disk-bin': [said('disk /usr/local/bin 57969908', 'disk /usr/local/bin 69908'), 'failed', /68 MiB/],
    'host.inodes-data': [said('inodes /var/lib 3815923', 'inodes /var/lib 159'), 'failed', /159 free/],
    'host.inodes-root': [said('inodes / 3815923', 'inodes / 159'), 'failed', /159 free/],
    'host.writable-data': [mount('/var/lib', 'ext4 ro,relatime'), 'failed', /ext4 ro/],
    'host.writable-db': [onItsOwnDisk('db', '90000000', 'ext4 ro,relatime'), 'failed', /ext4 ro/],
    'host.writable-kubelet': [onItsOwnDisk('kubelet', '90000000', 'ext4 ro,relatime'), 'failed', /ext4 ro/],
    'host.writable-etc': [mount('/etc', 'ext4 ro,relatime'), 'failed', /ext4 ro/],
    'host.writable-bin': [mount('/usr/local/bin', 'ext4 ro,relatime'), 'failed', /ext4 ro/],
    'host.exec-data': [mount('/var/lib', 'ext4 rw,noexec'), 'failed', /noexec/],
    'host.exec-bin': [mount('/usr/local/bin', 'ext4 rw,nosuid,noexec'), 'failed', /noexec/],
    'host.filesystem': [mount('/var/lib', 'nfs4 rw,relatime'), 'failed', /nfs4/],
    'host.filesystem-db': [onItsOwnDisk('db', '90000000', 'nfs4 rw'), 'failed', /nfs4/],
    'host.zfs': [mount('/var/lib', 'zfs rw,relatime'), 'failed', /zfs/],
    'host.fsync': [said('fsync 1484', 'fsync 25000'), 'warning', /25\.0 ms/],
    'host.kernel': [said('kernel 6.1.0', 'kernel 4.15.0'), 'failed', /4\.15/],
    'host.module-overlay': [missing('overlay'), 'failed', /not found/],
    'host.module-br-netfilter': [missing('br_netfilter'), 'failed', /not found/],
    'host.module-nf-conntrack': [missing('nf_conntrack'), 'failed', /not found/],
    'host.module-nf-tables': [
      { text: (missing('nf_tables').text ?? '').replaceAll(/^rule .*\n/gm, '') },
      'failed',
      /not found/,
    ],
    'host.module-netfilter': [missing('xt_MASQUERADE'), 'failed', /not found: xt_MASQUERADE$/],
    'host.module-vxlan': [missing('vxlan'), 'failed', /not found/],
    'host.module-wireguard': [
      { ...missing('wireguard'), settings: { FLANNEL_BACKEND: 'wireguard-native' } },
      'failed',
      /not found/,
    ],
    'host.cgroup': [said('cgroup 2', 'cgroup 1'), 'failed', /version 1/],
    'host.cgroup-cpu': [said('cpuset cpu io', 'cpuset io'), 'failed', /only cpuset io/],
    'host.cgroup-cpuset': [said('cpuset cpu io', 'cpu io'), 'failed', /only cpu io/],
    'host.cgroup-memory': [said(' memory hugetlb', ' hugetlb'), 'failed', /only/],
    'host.cgroup-pids': [said('hugetlb pids', 'hugetlb'), 'failed', /only/],
    'host.sysctl-max-user-instances': [
      said('max_user_instances 8192', 'max_user_instances 128'),
      'warning',
      /128, wanted 512/,
    ],
    'host.sysctl-max-user-watches': [
      said('max_user_watches 524288', 'max_user_watches 8192'),
      'warning',
      /8192/,
    ],
    'host.sysctl-file-max': [said('file-max 9223372036854775807', 'file-max 1000'), 'warning', /1000/],
    'host.sysctl-pid-max': [said('pid_max 4194304', 'pid_max 4096'), 'warning', /4096/],
    'host.sysctl-root-maxkeys': [said('root_maxkeys 1000000', 'root_maxkeys 200'), 'warning', /200/],
    'host.sysctl-max-map-count': [without('sysctl vm.max_map_count'), 'warning', /not readable/],
    'host.panic-on-oom': [said('panic_on_oom 0', 'panic_on_oom 1'), 'failed', /1/],
    'host.rp-filter': [said('rp_filter 0', 'rp_filter 1'), 'warning', /strict/],
    'host.seccomp': [without('seccomp'), 'failed', /not found/],
    'host.apparmor': [said('apparmor Y parser', 'apparmor Y'), 'failed', /Y/],
    'host.selinux': [also('selinux Enforcing'), 'failed', /Enforcing/],
    'host.files': [said('nofile 1048576', 'nofile 256'), 'warning', /256/],
    'host.journal': [said('journal persistent', 'journal volatile'), 'warning', /volatile/],
    'host.path': [also('path missing'), 'warning', /missing/],
    'host.name': [said('hostname k8s-master-01', 'hostname debian'), 'failed', /it says debian/],
    'host.name-unique': [
      { other: twin.replace('hostname k8s-master-02', 'hostname k8s-master-01') },
      'failed',
      /same as k8s-master-02/,
    ],
    'host.name-resolves': [said('hosts 127.0.1.1', 'hosts 203.0.113.9'), 'warning', /203\.0\.113\.9/],
    'host.machine-id': [without('machineid'), 'failed', /none/],
    'host.machine-id-unique': [
      { other: twin.replace('48adfd02', '48adfd01') },
      'failed',
      /same as k8s-master-02/,
    ],
    'host.product-unique': [{ other: twin.replace('4544-0002', '4544-0001') }, 'warning', /same as/],
    'host.ssh-key-unique': [{ other: twin.replace('Example02', 'Example01') }, 'failed', /same as/],
    'host.clock': [{ clockOffset: -3600_000 }, 'failed', /-3600000 ms/],
    'host.time-service': [said('ntp yes', 'ntp no'), 'warning', /synchronized: no/],
    'host.address': [
      said('address eth1 192.0.2.1/24', 'address eth1 192.0.2.77/24'),
      'failed',
      /no interface carries 192\.0\.2\.1/,
    ],
    'host.address-unique': [
      { other: twin.replace('192.0.2.2/24', '192.0.2.1/24') },
      'failed',
      /k8s-master-02/,
    ],
    'host.link': [said('link eth1 1450 UP', 'link eth1 1450 DOWN'), 'failed', /DOWN/],
    'host.mtu': [
      {
        ...said('link eth1 1450 UP', 'link eth1 1200 UP'),
        other: twin.replace('link eth1 1450', 'link eth1 1200'),
      },
      'failed',
      /MTU 1200/,
    ],
    'host.mtu-equal': [said('link eth1 1450 UP', 'link eth1 1500 UP'), 'failed', /1500, k8s-master-02 1450/],
    'host.segment': [
      {
        ...said('route 192.0.2.0/24 dev eth1', 'route 192.0.0.0/16 via 192.0.2.254 dev eth1'),
        settings: { FLANNEL_BACKEND: 'host-gw' },
      },
      'failed',
      /k8s-master-02 via 192\.0\.2\.254/,
    ],
    'host.default-route': [without('route default'), 'failed', /none/],
    'host.one-default-route': [also('route default via 192.0.2.254 dev eth1'), 'warning', /2/],
    'host.pods-free': [also('route 10.42.7.0/24 dev tun0 scope link'), 'failed', /10\.42\.7\.0\/24/],
    'host.services-free': [also('route 10.43.0.0/16 dev tun0 scope link'), 'failed', /10\.43\.0\.0\/16/],
    'host.not-a-pod': [{ settings: { CLUSTER_CIDR: '192.0.0.0/16' } }, 'failed', /192\.0\.2\.1/],
    'host.not-a-service': [{ settings: { SERVICE_CIDR: '192.0.0.0/16' } }, 'failed', /192\.0\.2\.1/],
    'host.ranges': [{ settings: { SERVICE_CIDR: '10.42.128.0/20' } }, 'failed', /10\.42\.128/],
    'host.dns-address': [{ settings: { CLUSTER_DNS: '10.96.0.10' } }, 'failed', /10\.96\.0\.10/],
    'host.no-bridge': [also('link docker0 1500 DOWN'), 'warning', /docker0/],
    'host.no-kubeadm': [also('unit kubelet'), 'failed', /kubelet/],
    'host.no-rke2': [also('leftover /var/lib/rancher/rke2'), 'failed', /rke2/],
    'host.no-k0s': [also('program k0s'), 'failed', /k0s/],
    'host.no-microk8s': [also('leftover /var/snap/microk8s'), 'failed', /microk8s/],
    'host.no-other-k3s': [also('leftover /etc/systemd/system/k3s.service'), 'failed', /k3s\.service/],
    'host.no-drop-ins': [also('leftover /etc/rancher/k3s/config.yaml.d'), 'failed', /there/],
    'host.no-etcd': [also('leftover /var/lib/etcd'), 'failed', /etcd/],
    'host.no-kubelet-data': [also('leftover /var/lib/kubelet'), 'warning', /kubelet/],
    'host.no-cni': [also('leftover /etc/cni/net.d'), 'warning', /cni/],
    'host.no-chains': [also('chains KUBE'), 'warning', /KUBE/],
    'host.docker': [also('unit docker'), 'warning', /docker/],
    'host.cloud-setup': [also('unit nm-cloud-setup'), 'failed', /nm-cloud-setup/],
    'host.firewall': [also('ufw active\nzone public'), 'failed', /ufw and firewalld/],
    'host.public-ports': [
      { publicAddress: '192.88.99.1' },
      'warning',
      /192\.88\.99\.1 and no firewall: 6443, .* 8472\/udp will be open to everybody/,
    ],
    'host.firewall-balancers': [also('ufw active'), 'warning', /none is named/],
    'host.reach': [{ blocked: [silent] }, 'failed', /no answer to k8s-master-02 on tcp 6443/],
    'host.forward': [
      also('rule -A FORWARD -j REJECT --reject-with icmp-host-prohibited'),
      'failed',
      /-A FORWARD -j REJECT --reject-with icmp-host-prohibited stops/,
    ],
    'host.input': [
      said('rule -P INPUT ACCEPT', 'rule -P INPUT DROP\nrule -A INPUT -s 10.42.0.0/16 -j ACCEPT'),
      'warning',
      /stops 10\.43\.0\.0\/16$/,
    ],
    'host.firewall-reload': [also('unit nftables\nflush ruleset'), 'warning', /flush ruleset/],
    'host.firewall-trusted': [
      also('zone public\ntrusted runtime 192.0.2.99\ntrusted permanent 10.42.0.0/16'),
      'warning',
      /trusts 192\.0\.2\.99$/,
    ],
    'host.iptables': [said('v1.8.9', 'v1.8.2'), 'failed', /1\.8\.2/],
    'host.iptables-mode': [said('(nf_tables)', '(legacy)'), 'warning', /legacy.*nf_tables/],
    'host.fail2ban': [also('unit fail2ban'), 'warning', /runs/],
    'host.resolver': [without('upstream'), 'failed', /127\.0\.0\.53/],
    'host.resolver-count': [
      also('nameserver 192.0.2.3\nnameserver 192.0.2.4\nnameserver 192.0.2.5'),
      'warning',
      /4/,
    ],
    'host.resolver-search': [said('search 1', 'search 6'), 'warning', /6/],
    'host.resolver-mutable': [also('immutable /etc/resolv.conf'), 'warning', /immutable/],
    'host.proxy': [also('proxy http_proxy http://192.0.2.9:3128'), 'warning', /3128/],
    'host.registries': [
      also('registries /etc/rancher/k3s/registries.yaml'),
      'warning',
      /registries\.yaml, which the kit did not/,
    ],
  }

for (const { id } of hostChecks) {
  const port = /^host\.port-(\d+)$/.exec(id)?.[1]
  const tool = /^host\.tool-(.+)$/.exec(id)?.[1]
  const udp = port === '8472' || port === '51820'
  const fault =
    faults[id] ??
    (port !== undefined
      ? ([
          {
            ...also(`port ${udp ? 'udp' : 'tcp'} ${port} nginx`),
            settings: {
              ...(port === '51820' && { FLANNEL_BACKEND: 'wireguard-native' }),
              MONITORING: 'true',
            },
          },
          'failed',
          /taken by nginx/,
        ] as const)
      : tool === undefined
        ? undefined
        : ([also(`missing ${tool}`), 'failed', /not found/] as const))
  test(`${id} fails on a host that is wrong`, () => {
    assert.ok(fault !== undefined, 'no fault is written down for it')
    const [given, result, seen] = fault
    const found = judge([host(given)], new Map()).find((one) => one.id === id)
    assert.equal(found?.result, result)
    assert.match(found?.seen.join('\n') ?? '', seen)
  })
}

test('a node of ours may be asked again: its ports, links and routes are its own', () => {
  const ours = good.replace(
    'end 1',
    [
      'ours yes',
      'leftover /etc/rancher/k3s/config.yaml',
      'port tcp 6443 k3s',
      'port tcp 10250 k3s',
      'port tcp 80 traefik',
      'port tcp 9100 pod',
      'port udp 8472 ',
      'link cni0 1450 UP',
      'chains KUBE',
      'leftover /var/lib/kubelet',
      'route 10.42.0.0/24 dev cni0 proto kernel scope link src 10.42.0.1',
      'route 10.42.1.0/24 via 192.0.2.2 dev eth1',
      'end 1',
    ].join('\n'),
  )
  for (const MONITORING of ['false', 'true'])
    assert.deepEqual(judge([host({ text: ours, settings: { MONITORING } })], new Map()), [])
})

test('an operator’s own node_exporter has port 9100 on a node of ours too; ours is one of a pod', () => {
  const text = good.replace('end 1', 'ours yes\nport tcp 9100 node_exporter\nend 1')
  const seen = (MONITORING: string) =>
    judge([host({ text, settings: { MONITORING } })], new Map()).filter(({ id }) => id === 'host.port-9100')
  assert.deepEqual(seen('false'), [])
  const [found] = seen('true')
  assert.equal(found?.result, 'failed')
  assert.match(found?.seen.join(' ') ?? '', /taken by node_exporter/)
})

test('the script tells a node_exporter of a pod by its control group', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-ports-'))
  try {
    for (const [pid, group] of [
      ['11', '0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-1.scope'],
      ['12', '0::/system.slice/node_exporter.service'],
      ['13', '0::/kubepods.slice/nginx'],
    ] as const) {
      mkdirSync(join(folder, pid))
      writeFileSync(join(folder, pid, 'cgroup'), `${group}\n`)
      symlinkSync(pid === '13' ? '/usr/sbin/nginx' : '/bin/node_exporter', join(folder, pid, 'exe'))
    }
    const line = (name: string, pid: number, port: number) =>
      `tcp LISTEN 0 1 10.0.0.1:${port} 0.0.0.0:* users:(("${name}",pid=${pid},fd=3))`
    const listening = [
      line('node_exporter', 11, 9100),
      line('node_exporter', 12, 9101),
      line('nginx', 13, 80),
    ]
    const part = /ss -Hlntup.*?done \| sort -u\n/s.exec(preflightScript)?.[0] ?? ''
    const said = execFileSync(
      'sh',
      [
        '-c',
        `say() { echo "$@"; }; ss() { cat <<'END'\n${listening.join('\n')}\nEND\n}\n${part.replaceAll('/proc/', `${folder}/`)}`,
      ],
      { encoding: 'utf8' },
    )
    assert.deepEqual(said.trim().split('\n').toSorted(), [
      'port tcp 80 nginx',
      'port tcp 9100 pod',
      'port tcp 9101 node_exporter',
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

for (const [what, given, result] of [
  [
    'a host whose firewall this step opens is only told',
    { ...also('ufw active'), blocked: [silent] },
    'warning',
  ],
  [
    'this machine, which that does not let in, stops the run before anything is written',
    { ...also('ufw active\nclient 198.51.100.99'), blocked: [{ ...silent, from: thisMachine }] },
    'failed',
  ],
  [
    'this machine, named in ADMIN_ADDRESSES, is let in',
    {
      ...also('ufw active\nclient 198.51.100.99'),
      blocked: [{ ...silent, from: thisMachine }],
      settings: { ADMIN_ADDRESSES: '198.51.100.0/24' },
    },
    'warning',
  ],
] as const) {
  test(`who does not get through: ${what}`, () => {
    const found = judge([host(given)], new Map()).find(({ id }) => id === 'host.reach')
    assert.equal(found?.result, result)
  })
}

const resultOf = (id: string, given: Given) =>
  judge([host(given)], new Map()).find((one) => one.id === id)?.result ?? 'passed'

for (const [what, rules, result] of [
  ['a policy that drops is asked last, behind the rule of flannel', ['-P FORWARD DROP'], 'passed'],
  [
    'a last rule that stops all comes before the rule flannel adds',
    ['-A FORWARD -i eth1 -j ACCEPT', '-A FORWARD -m comment --comment "the last word" -j DROP'],
    'failed',
  ],
  [
    'on a node whose flannel comes first it stops nothing of pods',
    ['-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD', '-A FORWARD -j REJECT'],
    'passed',
  ],
  ['a rule with a condition is no last word', ['-A FORWARD -i eth0 -j DROP'], 'passed'],
] as const) {
  test(`packets of pods are forwarded: ${what}`, () => {
    assert.equal(resultOf('host.forward', also(rules.map((rule) => `rule ${rule}`).join('\n'))), result)
  })
}

for (const [what, lines, result] of [
  ['both ranges are let in', '-A INPUT -s 10.42.0.0/15 -j ACCEPT\nrule -A INPUT -j REJECT', 'passed'],
  ['no rule stops anything', '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT', 'passed'],
  ['a last rule stops them', '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nrule -A INPUT -j DROP', 'warning'],
  ['they come behind the last word', '-A INPUT -j DROP\nrule -A INPUT -s 10.0.0.0/8 -j ACCEPT', 'warning'],
  ['ufw has that policy, and rules of its own', '-A INPUT -j DROP\nufw active', 'passed'],
] as const) {
  test(`pods reach their node through INPUT: ${what}`, () => {
    assert.equal(resultOf('host.input', also(`rule ${lines}`)), result)
  })
}

for (const [what, lines, result] of [
  ['nftables.service is off', 'flush ruleset', 'passed'],
  ['firewalld of RHEL 8', 'zone public\nfirewalld 0.9.11 FirewallBackend=nftables', 'warning'],
  ['firewalld that filters by iptables', 'zone public\nfirewalld 1.3.3 FirewallBackend=iptables', 'warning'],
  ['firewalld of Debian 12', 'zone public\nfirewalld 1.3.3 FirewallBackend=nftables', 'warning'],
  ['firewalld of Debian 13', 'zone public\nfirewalld 2.3.1 FirewallBackend=nftables', 'passed'],
  ['firewalld that is not active', 'firewalld 0.9.11 FirewallBackend=nftables', 'passed'],
] as const) {
  test(`a reload of the firewall: ${what}`, () => {
    assert.equal(resultOf('host.firewall-reload', also(lines)), result)
  })
}

test('a reload of firewalld: RHEL has the mend of 2.0 in its 1.2.5', () => {
  const rhel = (version: string) => ({
    text: good
      .replace('os debian 12', 'os rocky 9.4')
      .replace('end 1', `zone public\nfirewalld ${version}\nend 1`),
  })
  assert.equal(resultOf('host.firewall-reload', rhel('1.3.4')), 'passed')
  assert.equal(resultOf('host.firewall-reload', rhel('1.1.1')), 'warning')
})

test('a wider route is no clash: Hetzner routes 10.0.0.0/8 to its private networks', () => {
  for (const route of ['10.0.0.0/8', '10.42.0.0/15'])
    assert.equal(resultOf('host.pods-free', also(`route ${route} via 10.0.0.1 dev eth1`)), 'passed', route)
  for (const route of ['10.42.0.0/16', '10.42.255.0/24'])
    assert.equal(resultOf('host.pods-free', also(`route ${route} dev tun0`)), 'failed', route)
})

test('with host-gw the most precise route counts: on one segment, or by a router', () => {
  const hostGw = { settings: { FLANNEL_BACKEND: 'host-gw' } }
  assert.equal(
    resultOf('host.segment', { ...also('route 192.0.0.0/16 via 192.0.2.254 dev eth1'), ...hostGw }),
    'passed',
  )
  assert.equal(
    resultOf('host.segment', { ...also('route 192.0.2.2 via 192.0.2.254 dev eth1'), ...hostGw }),
    'failed',
  )
  // Hetzner Cloud: the host's address is a /32.
  assert.equal(resultOf('host.segment', { ...without('route 192.0.2.0/24'), ...hostGw }), 'failed')
  assert.equal(resultOf('host.segment', without('route 192.0.2.0/24')), 'passed')
})

test('what only a bare host must have is a warning on a node of ours: a worker can be added months later', () => {
  const full = good.replace('disk /var/lib 57976332', 'disk /var/lib 1976332').replace('cpus 4', 'cpus 1')
  for (const id of ['host.disk-data', 'host.cpus']) {
    assert.equal(resultOf(id, { text: full }), 'failed', id)
    assert.equal(resultOf(id, { text: full.replace('end 1', 'ours yes\nend 1') }), 'warning', id)
  }
  // No reason of age makes this one harmless.
  const readOnly = good
    .replace('mount /var/lib ext4 rw', 'mount /var/lib ext4 ro')
    .replace('end 1', 'ours yes\nend 1')
  assert.equal(resultOf('host.writable-data', { text: readOnly }), 'failed')
})

test('a worker has no database: the disk of one is not asked for', () => {
  const { text = '' } = onItsOwnDisk('db', '1000')
  assert.equal(resultOf('host.disk-db', { text, role: 'worker' }), 'passed')
})

for (const [what, lines, result] of [
  ['IPv6 alone reaches no pod', 'nameserver 2001:db8::1', 'failed'],
  ['an address of one link reaches none', 'nameserver 169.254.1.1', 'failed'],
  ['the one of a cloud does', 'nameserver 169.254.169.254', 'passed'],
  ['IPv6 first, as Hetzner lists them', 'nameserver 2001:db8::1\nnameserver 192.0.2.3', 'passed'],
  ['IPv6 alone on a node of ours, whose names inside go on', 'nameserver 2001:db8::1\nours yes', 'warning'],
] as const) {
  test(`name servers of pods: ${what}`, () => {
    const bare = good.replace('nameserver 127.0.0.53\n', '').replace(/^upstream.*\n/m, '')
    assert.equal(resultOf('host.resolver', { text: bare.replace('end 1', `${lines}\nend 1`) }), result)
  })
}

test('SELinux may enforce where the policy of K3s is there', () => {
  const policy = '/usr/share/selinux/packages/k3s.pp'
  assert.equal(resultOf('host.selinux', also(`selinux Enforcing ${policy}`)), 'passed')
  assert.equal(resultOf('host.selinux', also('selinux Permissive')), 'passed')
})

test('a kernel that lists no modules is not refused for them: K3s itself tells', () => {
  const text = good.replaceAll(/^module .*\n/gm, '')
  assert.equal(resultOf('host.module-netfilter', { text }), 'passed')
})

test('an upgrade that restarts hosts: the last of apt’s files counts', () => {
  const key = 'Unattended-Upgrade::Automatic-Reboot'
  assert.equal(resultOf('host.automatic-reboot', also(`${key} "true";\n${key} "false";`)), 'passed')
})

test('ZFS may be waived, for newer ones carry overlays; a network share may not', () => {
  const zfs = judge([host(mount('/var/lib', 'zfs rw'))], waivedOf('host.zfs: OpenZFS 2.3'))
  assert.deepEqual(
    zfs.map(({ id, waived }) => [id, waived]),
    [['host.zfs', 'OpenZFS 2.3']],
  )
  assert.throws(() => judge([host({})], waivedOf('host.filesystem: why')), { exitCode: 2 })
})

test('hints have the words of both families of systems', () => {
  for (const { id, fix } of hostChecks)
    if (/apt-get/.test(fix) && id !== 'host.apparmor') assert.match(fix, /dnf install/, id)
  const perl = hostChecks.find(({ id }) => id === 'host.tool-perl')
  assert.equal(perl?.fix, 'apt-get install perl, or dnf install perl')
  assert.match(
    hostChecks.find(({ id }) => id === 'host.tool-ip')?.fix ?? '',
    /iproute2, or dnf install iproute$/,
  )
})

test('hosts that show the same stand in one line; a waiver is told with its reason', () => {
  const both = [
    host(said('cgroup 2', 'cgroup 1')),
    { ...host(said('cgroup 2', 'cgroup 1')), name: 'k8s-master-02' },
  ]
  const findings = judge(both, waivedOf('host.cgroup: no reboot before Friday'))
  const found = findings.find(({ id }) => id === 'host.cgroup')
  assert.deepEqual(found?.seen, ['k8s-master-01, k8s-master-02: version 1'])
  assert.equal(found?.waived, 'no reboot before Friday')
})

for (const [text, problem] of [
  ['host.nothing: because', /which is no check/],
  ['host.no-kubeadm: because', /which cannot be waived/],
] as const) {
  test(`WAIVED "${text}" is exit 2`, () => {
    assert.throws(
      () => judge([host({})], waivedOf(text)),
      (thrown) =>
        thrown instanceof KitError && thrown.exitCode === exitCodes.usage && problem.test(thrown.message),
    )
  })
}

test('a waiver wants a reason', () => {
  assert.match(waivedProblem('host.cgroup') ?? '', /a reason for host\.cgroup/)
  assert.equal(waivedProblem('host.cgroup: it is so'), undefined)
})

test('half a document proves nothing: exit 6', () => {
  assert.throws(
    () => parseDocument('k8s-master-01', good.slice(0, 400)),
    (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.unreachable)
      // Step 01 reads hosts by another script too, after the changes.
      assert.doesNotMatch(thrown.message, /preflight/)
      assert.equal(thrown.details.at(-1), 'Nothing was written.')
      return true
    },
  )
})

test('the script is plain sh, answers to the end on this machine, and leaves nothing behind', () => {
  execFileSync('sh', ['-n'], { input: preflightScript })
  const text = execFileSync('sh', ['-s', '127.0.0.1'], {
    input: preflightScript,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      ...process.env,
      http_proxy: 'http://kit:planted@p/1@proxy.example.com:3128',
      https_proxy: 'kit:planted/p@2@proxy.example.com:3128',
      no_proxy: '192.0.2.0/24,.svc',
    },
  })
  const document = parseDocument('here', text)
  assert.match(document.one('ntp') ?? '', /^(yes|no)$/)
  assert.match(document.all('sysctl').find(([name]) => name === 'kernel.pid_max')?.[1] ?? '', /^\d+$/)
  // Whatever a proxy's password holds.
  assert.deepEqual(document.all('proxy'), [
    ['http_proxy', 'http://***@proxy.example.com:3128'],
    ['https_proxy', '***@proxy.example.com:3128'],
    ['no_proxy', '192.0.2.0/24,.svc'],
  ])
  assert.ok(document.number('cpus') >= 1)
  assert.ok(document.number('fsync') > 0)
  assert.ok(document.has('address', 'lo', '127.0.0.1/8'))
  const left = execFileSync(
    'sh',
    [
      '-c',
      'ls -a /var/lib /var/lib/rancher /var/lib/rancher/k3s/server/db 2>/dev/null | sed -n /keybuzz-probe/p',
    ],
    { encoding: 'utf8' },
  )
  assert.equal(left, '')
})

/** What the script says in a folder that stands in for /var/lib and /etc, with these programs before the host's own. */
function saidBy(programs: Readonly<Record<string, string>>, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-preflight-'))
  try {
    mkdirSync(join(folder, 'tools'))
    for (const [name, body] of Object.entries(programs)) {
      const text = `#!/bin/sh\n# Stand-in of ${name}.\n${body}\n`
      writeFileSync(join(folder, 'tools', name), text, { mode: 0o755 })
    }
    mkdirSync(join(folder, 'var/lib'), { recursive: true })
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      writeFileSync(join(folder, path), content)
    }
    const input = preflightScript.replaceAll(
      /([ :])\/(var\/lib|etc\/(?:apt|nftables|firewalld|sysconfig))/g,
      `$1${folder}/$2`,
    )
    const env = { ...process.env, PATH: `${folder}/tools:${process.env['PATH']}` }
    const stdio = ['pipe', 'pipe', 'ignore'] as const
    const text = execFileSync('sh', ['-s', '127.0.0.1'], { input, env, encoding: 'utf8', stdio: [...stdio] })
    return parseDocument('here', text.replaceAll(folder, ''))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('an empty disk of its own is no K3s and no kubelet; what either keeps there is', () => {
  const db = '/var/lib/rancher/k3s/server/db'
  const leftovers = (files: Readonly<Record<string, string>>) =>
    saidBy({}, files)
      .all('leftover')
      .map(([path]) => path)
  const disks = { [`${db}/lost+found/one`]: '', '/var/lib/kubelet/lost+found/one': '' }
  const below = (files: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(files).map(([path, text]) => [path.slice(1), text]))
  assert.deepEqual(leftovers(below(disks)), [])
  for (const kept of [`${db}/etcd/name`, `${db}/state.db`])
    assert.equal(leftovers(below({ ...disks, [kept]: '' })).length, 1, kept)
  assert.deepEqual(leftovers(below({ ...disks, '/var/lib/kubelet/pods/one': '' })), ['/var/lib/kubelet'])
})

test('what is measured is the deepest folder there is: disks of their own lie below /var/lib/rancher', () => {
  const bare = saidBy({}, {})
  assert.deepEqual([bare.one('data'), bare.one('db'), bare.one('kubelet')], Array(3).fill('/var/lib'))
  const node = saidBy({}, { 'var/lib/rancher/k3s/server/db/one': '', 'var/lib/kubelet/one': '' })
  const folders = ['/var/lib/rancher/k3s', '/var/lib/rancher/k3s/server/db', '/var/lib/kubelet']
  assert.deepEqual([node.one('data'), node.one('db'), node.one('kubelet')], folders)
  for (const path of folders) {
    assert.match(
      node
        .all('disk')
        .find(([at]) => at === path)
        ?.join(' ') ?? '',
      /^\S+ \d+ \/\S*$/,
      path,
    )
    assert.match(
      node
        .all('mount')
        .find(([at]) => at === path)
        ?.join(' ') ?? '',
      /^\S+ \w+ r[ow]/,
      path,
    )
  }
  assert.ok(node.number('fsync') > 0)
})

test('units are told by their place in the one answer of systemctl; ufw by its chain, and only then by its rules', () => {
  const systemctl = `[ "$1 $2" = 'is-active kubelet' ] && for one; do case $one in docker | nftables) echo active ;; is-*) ;; *) echo inactive ;; esac; done`
  const ufw = `case $* in 'show added') echo 'ufw allow from 192.0.2.2' ;; *) exit 9 ;; esac`
  const iptables = (loaded: number) => `[ "$*" = '-nL ufw-user-input' ] && exit ${loaded}`
  const active = saidBy({ systemctl, ufw, iptables: iptables(0) }, {})
  assert.deepEqual(active.all('unit'), [['docker'], ['nftables']])
  assert.equal(active.one('ufw'), 'active')
  assert.deepEqual(active.all('ufwrule'), [['allow', 'from', '192.0.2.2']])
  const off = saidBy({ systemctl, ufw, iptables: iptables(1) }, {})
  assert.ok(!off.has('ufw') && !off.has('ufwrule'))
})

test('what is asked of units, files and packet filters is found, whichever program knows it', () => {
  const enabled = (name: string) =>
    `case "$*" in "is-enabled"*" ${name}"* | "is-active --quiet firewalld") exit 0 ;; *) exit 1 ;; esac`
  const found = saidBy(
    {
      systemctl: enabled('nm-cloud-setup.timer'),
      iptables: `case $1 in -V) echo iptables v1.8.9 '(nf_tables)' ;; -S) printf '%s\\n' '-P INPUT DROP' '-P OUTPUT ACCEPT' '-A INPUT -j ACCEPT' ;; esac`,
      'iptables-save': 'exit 1',
      nft: `printf 'table ip nat {\\n\\tchain KUBE-SERVICES {\\n\\t}\\n}\\n'`,
      getenforce: 'echo Enforcing',
      'firewall-cmd': 'echo 0.9.11',
    },
    {
      'etc/nftables.conf': '#!/usr/sbin/nft -f\nflush ruleset\n',
      'etc/firewalld/firewalld.conf': 'DefaultZone=public\nFirewallBackend=nftables\n',
      'etc/apt/apt.conf.d/50unattended-upgrades':
        '//Unattended-Upgrade::Automatic-Reboot "false";\n  Unattended-Upgrade::Automatic-Reboot "true";\nUnattended-Upgrade::Automatic-Reboot-Time "02:00";\n',
    },
  )
  assert.ok(found.has('unit', 'nm-cloud-setup'))
  assert.deepEqual(found.all('rule'), [
    ['-P', 'INPUT', 'DROP'],
    ['-A', 'INPUT', '-j', 'ACCEPT'],
  ])
  assert.ok(found.has('chains', 'KUBE'))
  assert.ok(found.has('flush', 'ruleset'))
  assert.equal(found.one('selinux'), 'Enforcing')
  assert.equal(found.one('firewalld'), '0.9.11 FirewallBackend=nftables')
  assert.deepEqual(found.all('Unattended-Upgrade::Automatic-Reboot'), [['"true";']])
  const none = saidBy({ systemctl: 'exit 1', nft: 'exit 1', 'iptables-save': 'exit 1' }, {})
  for (const key of ['chains', 'flush', 'Unattended-Upgrade::Automatic-Reboot'])
    assert.deepEqual(none.all(key), [], key)
  assert.ok(!none.has('unit', 'nm-cloud-setup'))
})

test('ranges: overlap and membership', () => {
  assert.ok(rangesOverlap('10.0.0.0/8', '10.42.0.0/16'))
  assert.ok(!rangesOverlap('10.42.0.0/16', '10.43.0.0/16'))
  assert.ok(rangesOverlap('192.0.2.7', '192.0.2.0/24'))
  // Nothing compares with what is not a number: no overlap would ever be seen.
  for (const range of ['fd00::/56', 'NaN/16', ''])
    assert.throws(() => rangesOverlap(range, '10.42.0.0/16'), { exitCode: 2 }, range)
  assert.ok(isWithin('10.42.7.0/24', '10.42.0.0/16') && isWithin('10.42.0.0/16', '10.42.0.0/16'))
  assert.ok(!isWithin('10.0.0.0/8', '10.42.0.0/16') && !isWithin('10.43.0.0/24', '10.42.0.0/16'))
  assert.ok(isInRange('192.0.2.255', '192.0.2.0/24'))
  assert.ok(!isInRange('192.0.3.0', '192.0.2.0/24'))
})

// Of no private range, and nobody's: the relay address of 6to4 was withdrawn (RFC 7526).
const answering = (...ports: number[]) => ports.map((port) => ({ address: '192.88.99.1', port }))
const onPublicPorts = (given: Given) =>
  judge([host({ publicAddress: '192.88.99.1', ...given })], new Map()).filter(
    ({ id }) => id === 'host.public-ports',
  )

test('ports that answer at the public address are named, behind a firewall too; one that lets this machine in is not blamed', () => {
  const behind = also('ufw active\nclient 203.0.113.7')
  const [open] = onPublicPorts({ ...behind, publicPorts: answering(6443, 10_250) })
  assert.equal(open?.result, 'warning')
  assert.match(open?.seen[0] ?? '', /192\.88\.99\.1 answers this machine on tcp 6443, 10250$/)
  const settings = { ADMIN_ADDRESSES: '203.0.113.7' }
  assert.deepEqual(onPublicPorts({ ...behind, settings, publicPorts: answering(6443) }), [])
  assert.match(
    onPublicPorts({ ...behind, settings, publicPorts: answering(6443, 10_250) })[0]?.seen[0] ?? '',
    /on tcp 10250$/,
  )
  assert.match(
    onPublicPorts({ publicPorts: answering(6443) })[0]?.seen[0] ?? '',
    /answers this machine on tcp 6443$/,
  )
  const waived = judge(
    [host({ publicAddress: '192.88.99.1', publicPorts: answering(6443) })],
    waivedOf('host.public-ports: the provider closes them'),
  ).find(({ id }) => id === 'host.public-ports')
  assert.equal(waived?.waived, 'the provider closes them')
})

test('this machine probes the public address of a host, once a port; at no private one', async () => {
  const probed: string[] = []
  const probe = (address: string, port: number) => {
    probed.push(`${address}:${port}`)
    return Promise.resolve(port === 10_250 ? ('open' as const) : ('silent' as const))
  }
  assert.deepEqual(await openInPublic('master', ['192.88.99.1'], probe), answering(10_250))
  assert.deepEqual(
    probed.toSorted(),
    ['10250', '2379', '2380', '6443'].map((port) => `192.88.99.1:${port}`),
  )
  assert.deepEqual(await openInPublic('worker', [], probe), [])
  assert.equal(probed.length, 4)
})

test('a public address on an interface, or as IP_PRIVEE, is one whether or not servers.tsv names it', () => {
  const carried = said('address eth0 198.51.100.1/24', 'address eth0 192.88.99.1/24')
  const [found] = onPublicPorts({ ...carried, publicAddress: undefined })
  assert.match(found?.seen[0] ?? '', /192\.88\.99\.1 and no firewall: 6443,/)
  const document = (text: string) => ({ said: parseDocument('k8s', `${text}\nend`) })
  const eth0 = document('address eth0 192.88.99.1/24\naddress cni0 10.42.0.1/24')
  assert.deepEqual(publicAddressesOf({ address: '192.88.99.2', publicAddress: '192.88.99.1', ...eth0 }), [
    '192.88.99.1',
    '192.88.99.2',
  ])
  for (const address of ['10.0.0.4', '100.64.0.4', '169.254.0.4', '127.0.0.1', '192.0.2.4', '198.51.100.4'])
    assert.deepEqual(
      publicAddressesOf({ address, publicAddress: address, ...document(`address a ${address}/8`) }),
      [],
    )
})
