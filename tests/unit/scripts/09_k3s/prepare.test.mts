import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { root } from '../../../../lib/base/files.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import type { Member } from '../../../../lib/hosts/hosts.mts'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { tellBalancers } from '../../../../scripts/09_k3s/preflight/balancers.mts'
import { dialUntil } from '../../../../scripts/09_k3s/reach/dial.mts'
import { parseDocument } from '../../../../scripts/09_k3s/host/document.mts'
import {
  blockedText,
  isOpen,
  probesFor,
  probeWords,
  type PortProbe,
  thisMachine,
  type Blocked,
  type Peer,
} from '../../../../scripts/09_k3s/reach/reach.mts'
import { probeScript, listenScript } from '../../../../scripts/09_k3s/reach/scripts.mts'
import type { Fit } from '../../../../scripts/09_k3s/preflight/run.mts'
import { modulesFile, sysctlFile } from '../../../../scripts/09_k3s/prepare/kernel.mts'
import { chainsOf, firewallUnit, scriptText } from '../../../../scripts/09_k3s/prepare/nftables.mts'
import { rulesFor } from '../../../../scripts/09_k3s/host/openings.mts'
import { preparedScript } from '../../../../scripts/09_k3s/prepare/script.mts'
import type { Task } from '../../../../scripts/09_k3s/prepare/task.mts'
import { pending, preparedFiles, tasksFor } from '../../../../scripts/09_k3s/prepare/tasks.mts'
import { freePort } from '../../free-port.mts'

// What would be written on a host, from what it said; kernels and firewalls as their programs describe them, for this machine has one.

const fixture = (name: string) => readFileSync(join(root, 'tests/fixtures/hosts', name), 'utf8')
const good = fixture('good.txt')

const settingsWith = (more: Record<string, string> = {}) => {
  const saved = { DOMAIN: 'dev.example.com', OPERATOR_EMAIL: 'ops@example.com', ...more }
  const sources = { env: 'dev', overrides: {}, saved, variables: {} }
  return typed('dev', resolve([...k3s.shared, ...k3s.settings], sources)) as K3sSettings
}

const members: Member[] = [
  { name: 'k8s-master-01', address: '192.0.2.1', role: 'master' },
  { name: 'k8s-master-02', address: '192.0.2.2', role: 'master' },
  { name: 'k8s-worker-01', address: '192.0.2.11', role: 'worker' },
]
const [master, , worker] = members as [Member, Member, Member]

const worksWith = (lines: string, settings = settingsWith(), host: Member = master): Task[] =>
  tasksFor({
    ...host,
    said: parseDocument(host.name, good.replace('end 1', `${lines}\nend 1`)),
    members,
    settings,
  })
const commands = (works: readonly Task[]) => pending(works).map(({ words = [] }) => words.join(' '))
const contentOf = (works: readonly Task[], path: string) =>
  works.flatMap(({ files = [] }) => files).find((one) => one.path === path)?.content
const without = (line: string, from = good) => {
  const text = from.replace(new RegExp(`^${line}.*\n`, 'm'), '')
  assert.notEqual(text, from)
  return text
}
const said = (text: string) => ({
  ...master,
  said: parseDocument('k8s-master-01', text),
  members,
  settings: settingsWith(),
})

test('a host that is as it should be, without a firewall, needs no command; its files are compared', () => {
  const works = worksWith('')
  assert.deepEqual(commands(works), [])
  assert.deepEqual(
    works.flatMap(({ files = [] }) => files.map(({ path }) => path)),
    [modulesFile, paths.resolvConf],
  )
})

test('preflight looks at every file that preparation may write', () => {
  const works = worksWith('raised vm.max_map_count\nchain inet filter input input none 0')
  const files = works.flatMap(({ files = [] }) => files.map(({ path }) => path))
  assert.deepEqual(files.toSorted(), preparedFiles.toSorted())
})

test('modules that are not loaded are loaded, and named for every start of the host', () => {
  const works = tasksFor(said(without('loaded br_netfilter', without('loaded vxlan'))))
  assert.deepEqual(commands(works), ['modprobe --all br_netfilter vxlan'])
  assert.match(
    contentOf(works, modulesFile) ?? '',
    /^overlay\nbr_netfilter\nnf_conntrack\nvxlan\nip_set\nxt_set$/m,
  )
})

test('what the network policy controller is made of is loaded where the kernel has it, and asked for nowhere else', () => {
  const lacking = without('loaded ip_set', without('loaded xt_set'))
  const works = tasksFor(said(lacking))
  assert.deepEqual(commands(works), ['modprobe --all ip_set xt_set'])
  assert.match(contentOf(works, modulesFile) ?? '', /^ip_set\nxt_set$/m)
  const absent = tasksFor(said(without('module ip_set', without('module xt_set', lacking))))
  assert.deepEqual(commands(absent), [])
  assert.doesNotMatch(contentOf(absent, modulesFile) ?? '', /_set/)
  // Asked again after the writes the kernel's list is not: what could not be loaded holds nobody up.
  assert.match(preparedScript, /for name in [a-z_ ]* ip_set xt_set; do/)
})

test('settings are raised, never lowered: the file holds what was too low, also on the next run', () => {
  const low = good.replace('max_user_instances 8192', 'max_user_instances 128')
  const works = tasksFor(said(low))
  assert.deepEqual(commands(works), ['sysctl --quiet --write fs.inotify.max_user_instances=512'])
  assert.match(contentOf(works, sysctlFile) ?? '', /\nfs\.inotify\.max_user_instances = 512\n$/)
  const again = low
    .replace('max_user_instances 128', 'max_user_instances 512')
    .replace('end 1', 'raised fs.inotify.max_user_instances\nend 1')
  assert.deepEqual(commands(tasksFor(said(again))), [])
  assert.equal(contentOf(tasksFor(said(again)), sysctlFile), contentOf(works, sysctlFile))
})

test('a setting that cannot be read counts as too low', () => {
  const works = tasksFor(said(without('sysctl net.bridge')))
  assert.deepEqual(commands(works), ['sysctl --quiet --write net.bridge.bridge-nf-call-iptables=1'])
})

for (const [what, text, lines] of [
  ['a stub on 127.0.0.53 is passed over for the servers behind it', good, ['nameserver 192.0.2.53']],
  [
    'real servers are taken as they are, three at most',
    good.replace(
      'nameserver 127.0.0.53',
      // As Hetzner lists them: with IPv6 first, which pods do not reach.
      [
        '127.0.0.1',
        '2001:db8::1',
        'fe80::1',
        '169.254.3.4',
        '192.0.2.3',
        '192.0.2.4',
        '192.0.2.5',
        '192.0.2.6',
      ]
        .map((one) => `nameserver ${one}`)
        .join('\n'),
    ),
    ['nameserver 192.0.2.3', 'nameserver 192.0.2.4', 'nameserver 192.0.2.5'],
  ],
  [
    'with IPv6 alone they stay: names of the cluster are answered',
    good.replace('upstream 192.0.2.53', 'upstream 2001:db8::1'),
    ['nameserver 2001:db8::1'],
  ],
] as const) {
  test(`the kubelet's resolv.conf: ${what}`, () => {
    const content = contentOf(tasksFor(said(text)), paths.resolvConf) ?? ''
    assert.deepEqual(content.trim().split('\n').slice(1), [...lines, 'search example.com'])
  })
}

const opened = (host: Member, settings = settingsWith()) =>
  rulesFor(host, members, settings).map(({ source, protocol = 'all', ports }) =>
    [source, protocol, ...ports].join(' '),
  )

test('a master is opened to masters and workers, each for what it needs; pods and Services come whole', () => {
  assert.deepEqual(opened(master), [
    '192.0.2.2 tcp 80 443 2379-2381 6443 10250',
    '192.0.2.2 udp 8472',
    '192.0.2.11 tcp 80 443 6443 10250',
    '192.0.2.11 udp 8472',
    '10.42.0.0/16 all',
    '10.43.0.0/16 all',
  ])
})

test('a worker has neither API nor etcd; load balancers and administrators reach the ingress', () => {
  const settings = settingsWith({
    TRUSTED_PROXIES: '198.51.100.7/28',
    ADMIN_ADDRESSES: '198.51.100.99/32',
    FLANNEL_BACKEND: 'wireguard-native',
    INGRESS_NODE_PORT: '31695',
  })
  assert.deepEqual(opened(worker, settings), [
    '192.0.2.1 tcp 80 443 10250 31695',
    '192.0.2.1 udp 51820',
    '192.0.2.2 tcp 80 443 10250 31695',
    '192.0.2.2 udp 51820',
    '198.51.100.0/28 tcp 80 443 31695',
    '198.51.100.99 tcp 80 443 31695',
    '10.42.0.0/16 all',
    '10.43.0.0/16 all',
  ])
})

// In the form ufw 0.36.2 on Debian 12 gives: `ufw show added`.
const ufw = fixture('ufw.txt')

test('ufw: only what missing is added, a rule of ours nobody needs goes, the operator’s stay', () => {
  assert.deepEqual(commands(worksWith(ufw)), [
    'ufw allow from 192.0.2.11 to any port 80,443,6443,10250 proto tcp comment keybuzz',
    'ufw allow from 192.0.2.11 to any port 8472 proto udp comment keybuzz',
    'ufw allow from 10.43.0.0/16 comment keybuzz',
    'ufw route allow from 10.43.0.0/16 comment keybuzz',
    'ufw route allow to 10.43.0.0/16 comment keybuzz',
    'ufw delete allow from 192.0.2.99 to any port 6443,10250 proto tcp',
    'ufw route delete allow to 10.99.0.0/16',
  ])
})

test('ufw: no command enables it, resets it, or names SSH; one that is not active gets no rule', () => {
  const all = commands(worksWith(ufw)).join('\n')
  assert.doesNotMatch(all, /enable|reset|reload|default|\b22\b|insert|prepend/)
  assert.deepEqual(commands(worksWith(ufw.replace('ufw active', 'ufw inactive'))), [])
})

// In the form firewalld 1.3.3 on Debian 12 gives: --list-rich-rules and --list-sources.
const firewalld = fixture('firewalld.txt')

test('firewalld: what missing is added for now and for the next start, each by itself; nothing is reloaded', () => {
  const all = commands(worksWith(firewalld, settingsWith({ ADMIN_ADDRESSES: '198.51.100.9' })))
  const rule = (port: string) =>
    `rule family="ipv4" source address="198.51.100.9" port port="${port}" protocol="tcp" accept`
  const missing = (kind: string, words: string) => all.includes(`firewall-cmd --quiet${kind} --zone=${words}`)
  const [now, later] = ['', ' --permanent']
  for (const [port, lacksNow, lacksLater] of [
    ['443', false, false],
    ['6443', false, true],
    ['80', true, true],
  ] as const) {
    const words = `internal --add-rich-rule=${rule(port)}`
    assert.deepEqual([missing(now, words), missing(later, words)], [lacksNow, lacksLater], port)
  }
  // Hosts of the cluster as well as pods: their packets must be let through.
  for (const [source, lacksNow, lacksLater] of [
    ['192.0.2.2', false, false],
    ['10.42.0.0/16', false, true],
    ['192.0.2.11', true, true],
  ] as const) {
    const words = `trusted --add-source=${source}`
    assert.deepEqual([missing(now, words), missing(later, words)], [lacksNow, lacksLater], source)
  }
  assert.doesNotMatch(all.join('\n'), /reload|remove|set-default|panic/)
})

// In the form nftables 1.0.6 gives: `nft list ruleset` with an operator's table, kube-proxy's and iptables' own.
const ruleset = fixture('nft-ruleset.txt')
const chainLines = (text: string) => execFileSync('awk', [chainsOf], { input: text, encoding: 'utf8' })

test('nftables: only chains of the operator that may stop packets are written to', () => {
  assert.deepEqual(chainLines(ruleset).trim().split('\n'), [
    'chain inet filter input input none 0',
    'chain inet filter forward forward none 0',
  ])
})

test('nftables: openings are laid once; a line that was taken out of them is seen', () => {
  const found = chainLines(ruleset)
  const [command = ''] = commands(worksWith(found))
  assert.match(
    command,
    /keybuzz-firewall; systemctl daemon-reload; systemctl reenable --quiet keybuzz-firewall\.service; systemctl start/,
  )
  const rules = rulesFor(master, members, settingsWith())
  const mark = /comment \\"keybuzz ([0-9a-f]+)\\"/.exec(scriptText(rules))?.[1] ?? ''
  const laid = found.replace('none 0', `${mark} 6`).replace('none 0', `${mark} 8`)
  assert.deepEqual(commands(worksWith(laid)), [])
  assert.equal(commands(worksWith(laid.replace(`${mark} 6`, `${mark} 5`))).length, 1)
  assert.equal(commands(worksWith(laid, settingsWith({ ADMIN_ADDRESSES: '198.51.100.9' }))).length, 1)
})

test('nftables: stopped and started, it brings the openings with it, also on hosts that had another unit', () => {
  const content = contentOf(worksWith(chainLines(ruleset)), firewallUnit) ?? ''
  assert.match(content, /^WantedBy=multi-user\.target nftables\.service$/m)
  assert.match(content, /^PartOf=nftables\.service$/m)
  const rules = rulesFor(master, members, settingsWith())
  // As the kit without that wrote it: the same openings, and a link the unit no longer agrees with.
  const before = createHash('sha256')
    .update(JSON.stringify(openingLines(rules)))
    .digest('hex')
    .slice(0, 12)
  const laid = chainLines(ruleset).replace('none 0', `${before} 6`).replace('none 0', `${before} 8`)
  assert.match(commands(worksWith(laid)).join('\n'), /systemctl reenable/)
})

test('nftables: to pods passes what hosts of the cluster, load balancers and administrators begin, and no stranger by a NodePort', () => {
  const settings = settingsWith({ ADMIN_ADDRESSES: '198.51.100.9' })
  const { forward } = openingLines(rulesFor(worker, members, settings))
  assert.deepEqual(
    forward.filter((one) => one.includes('10.42.0.0/16')),
    [
      'ip saddr 10.42.0.0/16 accept',
      // The answers to what pods began.
      'ip daddr 10.42.0.0/16 ct state established,related accept',
      'ip saddr 192.0.2.1 ip daddr 10.42.0.0/16 accept',
      'ip saddr 192.0.2.2 ip daddr 10.42.0.0/16 accept',
      'ip saddr 198.51.100.9 ip daddr 10.42.0.0/16 accept',
    ],
  )
  assert.ok(forward.every((one) => /saddr|established/.test(one)))
})

/** What scriptText lays in each chain, as its mark is made of. */
const openingLines = (rules: Parameters<typeof scriptText>[0]) => {
  const lines = (hook: string) =>
    new RegExp(`^lines_${hook}='([^']*)'$`, 'm').exec(scriptText(rules))?.[1]?.split('\n') ?? []
  return { input: lines('input'), forward: lines('forward') }
}

test('nftables: tables of other programs are theirs', () => {
  for (const name of [
    'f2b-table',
    'crowdsec',
    'netavark',
    'libvirt_network',
    'incus',
    'lxd',
    'docker',
    'firewalld',
  ])
    assert.equal(chainLines(ruleset.replace('table inet filter', `table inet ${name}`)), '', name)
})

test('the scripts are plain sh', () => {
  for (const input of [preparedScript, scriptText(rulesFor(master, members, settingsWith()))])
    execFileSync('sh', ['-n'], { input })
})

test('from this machine: an open port, and one that is refused, are told apart', async () => {
  const server = createServer().listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  assert.equal(await dialUntil('127.0.0.1', port, 10_000), 'open')
  server.close()
  await once(server, 'close')
  assert.equal(await dialUntil('127.0.0.1', port, 1000), 'refused')
})

/** Runs the real programs against each other on the loopback. @returns what was said of each probe, in order */
async function knockAt(seconds: string, ...probes: string[]): Promise<string[]> {
  const knocking = spawn('perl', ['-e', probeScript, seconds, ...probes])
  return (await text(knocking.stdout)).trim().split('\n').toSorted()
}

test('listener and probe meet over TCP and UDP; the listener ends with its stdin', async () => {
  const [tcp, udp] = [await freePort(), await freePort()]
  const listener = spawn('perl', ['-e', listenScript, '20', '127.0.0.1', `tcp:${tcp}`, `udp:${udp}`])
  const other = await freePort()
  const probes = [`tcp:${tcp},${other}:127.0.0.1,127.0.0.2`, `udp:${udp}:127.0.0.1`]
  const said = (how: string) =>
    [
      ...[tcp, other].map((port) => `tcp 127.0.0.2 ${port} refused`),
      `tcp 127.0.0.1 ${tcp} ${how}`,
      `tcp 127.0.0.1 ${other} refused`,
      `udp 127.0.0.1 ${udp} ${how}`,
    ].toSorted()
  assert.deepEqual(await knockAt('3', ...probes), said('open'))
  listener.stdin.end()
  assert.deepEqual(await once(listener, 'exit'), [0, null])
  assert.deepEqual(await knockAt('2', ...probes), said('refused'))
})

const peer = (member: Member, text: string): Peer => ({
  ...member,
  host: { name: member.name, address: member.address } as Host,
  said: parseDocument(member.name, text),
})
const probes = (text: string, member = master) =>
  probesFor(peer(member, text), settingsWith()).map(
    ({ protocol, port, empty }) => `${protocol} ${port}${empty ? ' empty' : ''}`,
  )

test('machines with the same ports are one word of the probe, others one of their own', () => {
  const at = (address: string, port: string) =>
    ({ peer: { address }, protocol: 'tcp', port }) as unknown as PortProbe
  assert.deepEqual(
    probeWords([
      at('192.0.2.1', '22'),
      at('192.0.2.2', '22'),
      at('192.0.2.1', '80'),
      at('192.0.2.2', '80'),
      at('192.0.2.3', '22'),
    ]),
    ['tcp:22,80:192.0.2.1,192.0.2.2', 'tcp:22:192.0.2.3'],
  )
})

test('a refusal is no wall: of a neighbour who was not asked it is let pass, of a listener of ours it is not', () => {
  const asked = peer(master, good)
  const neighbour = { ...master, host: asked.host }
  assert.equal(isOpen({ peer: asked }, 'refused'), false)
  assert.equal(isOpen({ peer: neighbour }, 'refused'), true)
  assert.equal(isOpen({ peer: neighbour }, 'silent'), false)
})

test('bare: a listener stands in for every port; installed: only ports K3s has are probed, never taken', () => {
  assert.deepEqual(
    probes(good),
    ['tcp 6443', 'tcp 2379', 'tcp 2380', 'tcp 2381', 'tcp 10250', 'udp 8472', 'tcp 80', 'tcp 443'].map(
      (one) => `${one} empty`,
    ),
  )
  const ours = good.replace('end 1', 'ours yes\nport tcp 6443 k3s\nport udp 8472\nend 1')
  assert.deepEqual(probes(ours), ['tcp 6443'])
  assert.deepEqual(probes(good, worker), [
    'tcp 10250 empty',
    'udp 8472 empty',
    'tcp 80 empty',
    'tcp 443 empty',
  ])
})

test('who got no answer stands together when it is the same ports', () => {
  const blocked = [master, worker].flatMap(({ name: from }) =>
    ['6443', '10250'].map((port): Blocked => ({
      from,
      to: 'k8s-master-02',
      protocol: 'tcp',
      port,
      how: 'silent',
    })),
  )
  assert.equal(
    blockedText({ name: 'k8s-master-02', blocked }),
    'no answer to k8s-master-01, k8s-worker-01 on tcp 6443, tcp 10250',
  )
})

for (const [what, answer, blocked, told] of [
  [
    'a load balancer that leads nowhere is told when the nodes answer',
    'silent',
    [],
    /not at api\.example\.com:6443 \(silent\): the nodes are right/,
  ],
  ['a load balancer that answers is not spoken of', 'open', [], /^$/],
  [
    'nobody is accused while this machine does not reach the nodes either',
    'silent',
    [{ from: thisMachine, to: 'k8s-master-01', protocol: 'tcp', port: '6443', how: 'silent' }],
    /^$/,
  ],
] as const) {
  test(what, async (context) => {
    const written: string[] = []
    context.mock.method(process.stderr, 'write', (line: string) => written.push(line) > 0)
    const facts = { ...said(good.replace('end 1', 'port tcp 6443 k3s\nend 1')), blocked }
    const host = { name: master.name, address: master.address } as Host
    await tellBalancers(
      [{ host, facts: facts as unknown as Fit['facts'] }],
      { API_ADDRESSES: 'api.example.com' },
      () => Promise.resolve(answer),
    )
    assert.match(written.join(''), told)
  })
}

/**
 * What the script says is loaded, on this machine, by its own ip and modprobe or by stand-ins of both that only note
 * how they are called.
 */
function loadedBy(standIns: Record<'ip' | 'modprobe', string> & Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-stand-in-'))
  try {
    for (const [name, body] of Object.entries(standIns)) {
      const text = `#!/bin/sh\n# Stand-in of ${name}.\necho ${name} "$@" >>${folder}/calls\n${body}\n`
      writeFileSync(join(folder, name), text, { mode: 0o755 })
    }
    writeFileSync(join(folder, 'calls'), '')
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` }
    // A kernel that lists none of them, whatever the one of this machine does.
    const script = preparedScript.replace('listed() {', 'listed() { return 1;')
    const said = execFileSync('sh', ['-s', '192.0.2.1'], { input: script, env, encoding: 'utf8' })
    return {
      loaded: [...said.matchAll(/^loaded (vxlan|wireguard)$/gm)].map(([, name = '']) => name),
      calls: readFileSync(join(folder, 'calls'), 'utf8'),
      text: said,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('firewalld is asked for now and for the next start, in the zone of the interface with the private address', () => {
  const { text } = loadedBy({
    ip: 'echo "2: eth1    inet 192.0.2.1/24 scope global eth1"',
    modprobe: 'exit 1',
    systemctl: 'exit 0',
    'firewall-cmd': `case "$*" in
      *--get-zone-of-interface=eth1) echo internal ;;
      '--zone=internal --list-rich-rules') echo 'rule now' ;;
      '--permanent --zone=internal --list-rich-rules') echo 'rule later' ;;
      '--zone=trusted --list-sources') echo 10.42.0.0/16 192.0.2.2 ;;
      '--permanent --zone=trusted --list-sources') echo 192.0.2.2 ;;
      *) exit 3 ;;
    esac`,
  })
  assert.deepEqual(text.match(/^(zone|rich|trusted) .*$/gm), [
    'zone internal',
    'rich runtime rule now',
    'trusted runtime 10.42.0.0/16',
    'trusted runtime 192.0.2.2',
    'rich permanent rule later',
    'trusted permanent 192.0.2.2',
  ])
})

test('an overlay that the kernel has built in and lists nowhere is found out by a link, which is taken away', () => {
  const { loaded, calls } = loadedBy({ ip: 'case "$*" in *wireguard*) exit 2 ;; esac', modprobe: 'exit 1' })
  assert.deepEqual(loaded, ['vxlan'])
  assert.match(calls, /^ip link add keybuzz-try type vxlan id \d+ dstport 8472\nip link delete keybuzz-try$/m)
  // Then preparation has nothing to load either.
  const text = without('loaded vxlan', without('module vxlan')).replace('end 1', 'loaded vxlan\nend 1')
  assert.deepEqual(commands(tasksFor(said(text))), [])
})

test('a module that modprobe knows is not tried: that would load it', () => {
  const { loaded, calls } = loadedBy({ ip: 'exit 0', modprobe: 'exit 0' })
  assert.deepEqual(loaded, [])
  assert.doesNotMatch(calls, /ip link add/)
})

test('a kernel that makes no such link has no overlay', () => {
  assert.deepEqual(loadedBy({ ip: 'exit 2', modprobe: 'exit 1' }).loaded, [])
})
