import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import {
  agentConfig,
  serverConfig,
  unitText,
  type NodeFacts,
  type WithTokens,
} from '../../../../scripts/09_k3s/nodes/config.mts'
import { planFormation } from '../../../../scripts/09_k3s/nodes/formation.mts'
import type { HostState } from '../../../../scripts/09_k3s/nodes/host-state.mts'
import { artifactsOf, needsStart, start } from '../../../../scripts/09_k3s/nodes/install.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import type { DaemonSet } from '../../../../lib/kube/types.mts'
import { ingress } from '../../../../scripts/09_k3s/ingress/manifests.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'

const state = (name: string, rest: Partial<HostState> = {}): HostState => ({
  name,
  address: `192.0.2.${name.at(-1)}`,
  interface: 'eth1',
  addresses: [`192.0.2.${name.at(-1)}`],
  joined: [],
  active: false,
  starting: false,
  invocation: undefined,
  fixed: new Map(),
  stopped: true,
  data: false,
  tombstone: false,
  ca: undefined,
  tokens: { server: undefined, agent: undefined },
  tokenPrefix: undefined,
  joins: undefined,
  started: undefined,
  program: undefined,
  leaving: false,
  registered: false,
  registries: 'none',
  images: { noted: [], gone: [] },
  ...rest,
})
const [one, two, three] = [state('master-1'), state('master-2'), state('master-3')]
const member = { data: true, active: true, ca: 'c0ffee' }
const names = (states: readonly HostState[]) => states.map(({ name }) => name)

test('a cluster begins only where there is none: the first master begins, the others join', () => {
  const { begins, order } = planFormation([one, two, three], false)
  assert.equal(begins, 'master-1')
  assert.deepEqual(names(order), ['master-1', 'master-2', 'master-3'])
})

test('a first master that was installed anew joins the others; it never begins a second cluster', () => {
  const { begins, order } = planFormation([one, { ...two, ...member }, { ...three, ...member }], true)
  assert.equal(begins, undefined)
  assert.deepEqual(names(order), ['master-2', 'master-3', 'master-1'])
})

for (const [what, states, known, text] of [
  ['no master holds the cluster that was installed', [one, two, three], true, /on none of its masters/],
  [
    'two masters hold different clusters',
    [{ ...one, ...member }, { ...two, ...member, ca: 'decaf' }, three],
    true,
    /different clusters/,
  ],
] as const) {
  test(`${what}: nobody begins, exit 5`, () => {
    assert.throws(
      () => planFormation(states, known),
      (thrown) =>
        thrown instanceof KitError && thrown.exitCode === exitCodes.conflict && text.test(thrown.message),
    )
  })
}

const saved = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  K3S_TOKEN: 'server-token-of-the-tests',
  K3S_AGENT_TOKEN: 'agent-token-of-the-tests',
  API_ADDRESSES: '198.51.100.5, api.example.com',
}
const settings = (more: Record<string, string> = {}) => {
  const sources = { env: 'staging', overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed('staging', resolve([...k3s.shared, ...k3s.settings], sources)) as WithTokens
}
const own = [
  'cluster-init',
  'server',
  'token',
  'node-name',
  'node-ip',
  'advertise-address',
  'flannel-iface',
  'kube-proxy-arg',
]
const configOf = (node: NodeFacts, origin: Parameters<typeof serverConfig>[3], given = settings()) =>
  parse(serverConfig(given, 'v1.36.3+k3s1', node, origin)) as Record<string, unknown>

test('the servers of one cluster differ only in what is a node’s own', () => {
  const first = configOf(one, { begins: true })
  const second = configOf({ ...two, interface: 'ens10' }, { joins: '192.0.2.1', token: 'K10abc::server:x' })
  const shared = (config: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(config).filter(([key]) => !own.includes(key)))
  assert.deepEqual(shared(first), shared(second))
  assert.equal(first['cluster-init'], true)
  assert.equal(second['cluster-init'], undefined)
  assert.equal(second['server'], 'https://192.0.2.1:6443')
  assert.equal(second['flannel-iface'], 'ens10')
  assert.equal(first['node-ip'], '192.0.2.1')
})

test('every server is told how soon a lost node is left', () => {
  const config = configOf(one, { begins: true })
  assert.deepEqual(config['kube-apiserver-arg'], [
    'default-not-ready-toleration-seconds=30',
    'default-unreachable-toleration-seconds=30',
  ])
  assert.deepEqual(config['kube-controller-manager-arg'], ['node-monitor-grace-period=20s'])
})

test('NodePorts answer at the private address of each node alone, on masters and workers', () => {
  assert.deepEqual(configOf(one, { begins: true })['kube-proxy-arg'], ['nodeport-addresses=192.0.2.1/32'])
  const worker = parse(agentConfig(one, '192.0.2.1', 'K10abc::node:agent')) as Record<string, unknown>
  assert.deepEqual(worker['kube-proxy-arg'], ['nodeport-addresses=192.0.2.1/32'])
})

test('the certificate is told of load balancers alone: a master more changes no other’s configuration', () => {
  assert.deepEqual(configOf(one, { begins: true })['tls-san'], ['198.51.100.5', 'api.example.com'])
  assert.equal('tls-san' in configOf(one, { begins: true }, settings({ API_ADDRESSES: '' })), false)
})

test('a host whose name YAML 1.1 takes for yes or no keeps it', () => {
  for (const name of ['on', 'no', 'y']) {
    const texts = [
      serverConfig(settings(), 'v1.36.3+k3s1', { ...one, name }, { begins: true }),
      agentConfig({ ...one, name }, '192.0.2.1', 'K10abc::node:agent'),
    ]
    for (const text of texts)
      assert.equal((parse(text, { version: '1.1' }) as { 'node-name': unknown })['node-name'], name)
  }
})

test('from 1.37 the Gateway API’s definitions are an addon of their own, and left out too', () => {
  const disabled = (version: string) =>
    (parse(serverConfig(settings(), version, one, { begins: true })) as { disable: string[] }).disable
  assert.deepEqual(disabled('v1.36.5+k3s1'), ['traefik', 'servicelb'])
  assert.deepEqual(disabled('v1.37.0+k3s1'), ['traefik', 'servicelb', 'gateway-api-crd'])
})

test('a service is stopped with the time systemd gives: K3s’ own unit names none', () => {
  assert.doesNotMatch(unitText('server', false) + unitText('agent', false), /TimeoutStopSec/)
})

test('a worker gets the workers’ token, not the servers’', () => {
  const text = agentConfig(one, '192.0.2.1', 'K10abc::node:agent')
  assert.ok(!text.includes(saved.K3S_TOKEN))
  assert.equal((parse(text) as { token: string }).token, 'K10abc::node:agent')
})

const sum = createHash('sha256').update('program').digest('hex')
const versions = { k3s: { version: 'v1.36.5+k3s1', file: 'artifacts/k3s', sha256: sum } }

test('a service is started anew when its program or its configuration is another one, and only then', () => {
  const wanted = {
    role: 'server',
    config: 'a',
    artifacts: artifactsOf(versions),
    pods: '10.42.0.0/16',
    proxy: undefined,
    registries: undefined,
  } as const
  assert.ok(needsStart(one, wanted))
  assert.ok(needsStart({ ...one, active: true, started: 'something else' }, wanted))
})

for (const [what, given, exitCode] of [
  ['where the program is', { k3s: { version: 'v1.36.5+k3s1' } }, exitCodes.preflight],
  ['its checksum', { k3s: { version: 'v1.36.5+k3s1', file: 'artifacts/k3s' } }, exitCodes.trust],
] as const) {
  test(`versions.json that does not say ${what}: exit ${exitCode}`, () => {
    assert.throws(
      () => artifactsOf(given),
      (thrown) => thrown instanceof KitError && thrown.exitCode === exitCode,
    )
  })
}

test('what a service was started with is a hash of its tokens too: only root can read it, and no argument shows it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-started-'))
  try {
    const wanted = {
      role: 'server',
      pods: '10.42.0.0/16',
      config: 'token: weak',
      artifacts: [],
      proxy: undefined,
      registries: undefined,
    } as const
    let marked = ''
    const change = (_what: string, words: readonly string[], options?: { input?: string }) => {
      marked = options?.input?.trim() ?? ''
      assert.match(marked, /^[0-9a-f]{64}$/)
      assert.ok(!words.join(' ').includes(marked))
      // The script itself, in a shell, with places of this test's own and a stand-in of systemctl.
      const script = words
        .join('\n')
        .replace(/^sh\n-ec\n/, '')
        .replaceAll(paths.started, join(folder, 'started'))
        .replaceAll(paths.resolvConf, join(folder, 'resolv.conf'))
        .replaceAll(paths.images, join(folder, 'images'))
        .replaceAll(paths.proxy, join(folder, 'proxy.env'))
        .replaceAll(paths.registries, join(folder, 'registries.yaml'))
        .replaceAll(paths.mirrorCa, join(folder, 'mirror-ca.pem'))
        .replaceAll('/usr/local/bin', folder)
      writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n')
      writeFileSync(join(folder, 'started'), 'of an earlier kit', { mode: 0o644 })
      writeFileSync(join(folder, 'systemctl'), '#!/bin/sh\n', { mode: 0o755 })
      const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` }
      execFileSync('sh', ['-ec', script], { env, input: options?.input ?? '', timeout: 20_000 })
      return Promise.resolve()
    }
    await start({ change } as never, wanted)
    assert.equal(readFileSync(join(folder, 'started'), 'utf8').trim(), marked)
    assert.equal(statSync(join(folder, 'started')).mode & 0o777, 0o600)
    assert.ok(!needsStart(state('master-1', { active: true, started: marked }), wanted))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the ingress is one DaemonSet on the nodes’ own ports, on masters too, one node at a time', () => {
  const objects = ingress(settings({ TRUSTED_PROXIES: '192.0.2.0/24' }), { traefik: 'traefik:v3.7.15' })
  const text = JSON.stringify(objects)
  const found = objects.find(({ kind }) => kind === 'DaemonSet') as {
    spec: { updateStrategy: unknown; template: { spec: Record<string, unknown> } }
  }
  assert.deepEqual(found.spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
  })
  assert.equal(found.spec.template.spec['hostNetwork'], true)
  assert.deepEqual(found.spec.template.spec['tolerations'], [{ operator: 'Exists' }])
  assert.match(text, /forwardedheaders\.trustedips=192\.0\.2\.0\/24/)
  assert.ok(!objects.some(({ kind }) => kind === 'Service'))
})

test('the ingress can keep a request until it is whole: a folder of its own at /tmp, within what the pod may take', () => {
  const daemon = ingress(settings({}), { traefik: 'traefik:v3.7.15' }).find(
    ({ kind }) => kind === 'DaemonSet',
  )
  const { volumes = [], containers: [traefik] = [] } = (daemon as DaemonSet).spec?.template.spec ?? {}
  const [mount] = traefik?.volumeMounts?.filter(({ mountPath }) => mountPath === '/tmp') ?? []
  assert.equal(mount?.readOnly, undefined)
  assert.equal(volumes.find(({ name }) => name === mount?.name)?.emptyDir?.sizeLimit, '2Gi')
  assert.equal(traefik?.securityContext?.readOnlyRootFilesystem, true)
})

test('without trusted proxies no X-Forwarded header is believed; the legacy NodePort only while it is set', () => {
  const objects = ingress(settings({ INGRESS_NODE_PORT: '31695' }), { traefik: 'traefik:v3.7.15' })
  assert.ok(!JSON.stringify(objects).includes('trustedips'))
  assert.match(JSON.stringify(objects.find(({ kind }) => kind === 'Service')), /"nodePort":31695/)
})
