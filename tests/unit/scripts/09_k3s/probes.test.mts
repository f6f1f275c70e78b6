import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type {
  Deployment,
  Ingress,
  Manifest,
  NetworkPolicy,
  PodSpec,
  Secret,
  Service,
} from '../../../../lib/kube/types.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { backendServices, pullProof } from '../../../../scripts/09_k3s/probes/backend-services.mts'
import { loadBalancerLines } from '../../../../scripts/09_k3s/ingress/load-balancer.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { guard } from '../../../../scripts/09_k3s/probes/guard.mts'
import {
  closedPort,
  policies,
  verdictObject,
  verdictOf,
} from '../../../../scripts/09_k3s/probes/policies.mts'
import { askedScripts } from '../../../../scripts/09_k3s/probes/probe-scripts.mts'
import { questions, type Network } from '../../../../scripts/09_k3s/probes/network.mts'
import { health } from '../../../../scripts/09_k3s/ingress/traefik.mts'
import { portionsOf } from '../../../../lib/kube/probes.mts'
import {
  askedPort,
  ownVolume,
  parts,
  probeNamespace,
  probes,
  servedPort,
  single,
} from '../../../../scripts/09_k3s/probes/probe.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import { isAllowed, type End } from '../../kube/manifests/evaluate-policies.mts'

const image = 'docker.io/rancher/mirrored-library-busybox:1.37.0'
const settings = {
  ENV: 'dev',
  DOMAIN: 'dev.example.com',
  INGRESS_CLASS: 'nginx',
  INGRESS_NODE_PORT: 0,
  INGRESS_HEALTH_PATH: '/healthz',
  TLS_MODE: 'load-balancer',
  POSTGRES_HOST: '192.0.2.10',
  POSTGRES_PORT: 5432,
  POSTGRES_PASSWORD: sensitive('never-in-a-ConfigMap'),
  REDIS_PORT: 6379,
} as unknown as K3sSettings

const everything = [
  ...probes(settings, image),
  ...policies,
  single('guarded', image),
  single('confined', image),
  single('volume', image, ownVolume),
]
const podsOf = (manifests: readonly Manifest[]): PodSpec[] =>
  manifests.flatMap((one) => (one as Deployment).spec?.template?.spec ?? [])

test('probes have no right of any kind', () => {
  const pods = podsOf(everything)
  assert.equal(pods.length, 4)
  for (const { securityContext, automountServiceAccountToken, hostNetwork, containers } of pods) {
    assert.equal(securityContext?.runAsNonRoot, true)
    assert.equal(automountServiceAccountToken, false)
    assert.equal(hostNetwork, undefined)
    for (const { securityContext: own, resources } of containers) {
      assert.deepEqual(own?.capabilities, { drop: ['ALL'] })
      assert.equal(own?.readOnlyRootFilesystem, true)
      assert.ok(resources?.limits?.['memory'] !== undefined && resources.requests?.['memory'] !== undefined)
    }
  }
})

test('nothing leads to the port that asks others, and it answers to nobody by a name', () => {
  const services = everything.filter((one): one is Service => one.kind === 'Service')
  assert.deepEqual(
    services.flatMap(({ spec }) => spec?.ports?.map(({ targetPort }) => targetPort) ?? []),
    [servedPort, servedPort],
  )
  const ingresses = everything.filter((one): one is Ingress => one.kind === 'Ingress')
  assert.deepEqual(
    ingresses.map(({ spec }) => spec?.rules?.map(({ host }) => host)),
    [['canary.dev.example.com']],
  )
})

/** What a probe answers to items; in the place of busybox's wget one that notes what it is asked for. */
function asked(...items: string[]): { lines: string[]; fetched: string[]; dialled: string } {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-'))
  const note = join(folder, 'fetched')
  const wget = `#!/bin/sh
echo "$*" >>'${note}'
case $* in
  *http://192.0.2.1:8080/cgi-bin/who | *http://192.0.2.2:80/cgi-bin/who) echo 'keybuzz-probe worker-01' ;;
  *http://192.0.2.2:80/healthz) echo OK ;;
  *payload) head -c 65536 /dev/zero ;;
  *) echo 'user-data: a password' ;;
esac
`
  // The same of busybox's nc: one node answers to a request without Host, another has no such page.
  const nc = `#!/bin/sh
echo "nc $*" >>'${note}.nc'
case "$*" in
  '-w 2 192.0.2.2 5432 -e true') exit 1 ;;
  '-w 2 192.0.2.3 5432 -e true') exit 143 ;;
  '-w 2 192.0.2.1 5432') od -An -v -tx1 | tr -d ' \\n' >>'${note}.nc'; printf 'R\\0\\0\\0\\27\\0' ;;
  '-w 2 192.0.2.2 5432') printf 'E\\0\\0\\0SFATAL\\0C28000\\0MKein pg_hba.conf-Eintrag\\0\\0' ;;
  '-w 2 192.0.2.3 5432') printf 'E\\0\\0\\0SFATAL\\0C3D000\\0Mno such database\\0\\0' ;;
esac
case $1 in -w) exit 0 ;; esac
read -r line
case "$1:$2 $line" in
  '192.0.2.2:80 GET /healthz HTTP/1.0'*) printf 'HTTP/1.0 200 OK\\r\\n\\r\\nOK' ;;
  *) printf 'HTTP/1.0 404 Not Found\\r\\n\\r\\n' ;;
esac
`
  writeFileSync(join(folder, 'nc'), nc, { mode: 0o755 })
  writeFileSync(note, '')
  writeFileSync(join(folder, 'wget'), wget, { mode: 0o755 })
  writeFileSync(join(folder, 'nslookup'), `#!/bin/sh\necho "nslookup $*" >>'${note}'\n`, { mode: 0o755 })
  try {
    const answer = execFileSync('bash', ['-c', askedScripts.reach], {
      env: {
        PATH: `${folder}:${process.env['PATH']}`,
        // As the API server writes it, with kubectl's own timeout behind.
        QUERY_STRING: `ask=${encodeURIComponent(items.join('|'))}&timeout=1m0s`,
        CANARY_HOST: 'canary.dev.example.com',
        HEALTH_PATH: '/healthz',
        OUTSIDE_NAME: 'registry.example.com',
      },
    }).toString()
    const fetched = readFileSync(note, 'utf8').split('\n').filter(Boolean).toSorted()
    const calls = `${note}.nc`
    const dialled = existsSync(calls) ? readFileSync(calls, 'utf8') : ''
    return { dialled, lines: answer.split('\n').slice(2, -1).toSorted(), fetched }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a probe reads its question as the API server writes it, and says yes for what is so, and nothing else', () => {
  const { lines, fetched } = asked(
    'who=192.0.2.1:1',
    'who=192.0.2.1:8080',
    'who=192.0.2.1:8080,worker-01',
    'who=192.0.2.1:8080,worker-02',
    'payload=192.0.2.1:8080',
    'site=192.0.2.2:80',
    'page=192.0.2.2:80',
    'inside',
    'outside',
  )
  assert.deepEqual(lines, ['0 ', '1 yes', '2 yes', '3 ', '4 yes', '5 yes', '6 yes', '7 yes', '8 yes'])
  assert.ok(
    fetched.some((one) => /--header Host: canary\.dev\.example\.com http:\/\/192\.0\.2\.2:80\/cgi/.test(one)),
  )
  assert.ok(fetched.some((one) => /^nslookup -type=a registry\.example\.com$/.test(one)))
})

test('the health page is asked for without Host too, and 404 is no answer', () => {
  const { lines } = asked('nameless=192.0.2.2:80', 'nameless=192.0.2.1:80', 'nameless=127.0.0.1:80')
  assert.deepEqual(lines, ['0 yes', '1 ', '2 '])
  const network = { nodes: [{ name: 'k8s-1', address: '192.0.2.1', server: true }] } as unknown as Network
  const items = (controller: string) =>
    questions
      .health(network, {} as never, { INGRESS_NODE_PORT: 0, INGRESS_CONTROLLER: controller } as K3sSettings)
      .map(({ item }) => item)
  assert.deepEqual(items('traefik'), ['page=192.0.2.1:80', 'nameless=192.0.2.1:80'])
  assert.deepEqual(items('existing'), ['page=192.0.2.1:80'])
})

test('a connection is yes or no, and a login to PostgreSQL too: pg_hba.conf is known in every language', () => {
  const { lines } = asked(
    ...[1, 2, 3].flatMap((at) => [`open=192.0.2.${at}:5432`, `login=192.0.2.${at}:5432,n8n_a-b/n8n`]),
  )
  // What ends in another way than connected or refused says nothing.
  assert.deepEqual(lines, ['0 yes', '1 yes', '2 no', '3 no', '4 ', '5 yes'])
  const { dialled } = asked('login=192.0.2.1:5432,n8n_a-b/n8n')
  const words = Buffer.from('user\0n8n_a-b\0database\0n8n\0\0')
  const message = Buffer.concat([Buffer.from([0, 0, 0, words.length + 8, 0, 3, 0, 0]), words])
  assert.ok(dialled.endsWith(message.toString('hex')), dialled)
})

/** True when the rule of the health page takes a request for this host. Traefik compares an empty name besides. */
function healthTakes(host: string): boolean {
  const { rule } = health({ INGRESS_HEALTH_PATH: '/healthz' } as K3sSettings).http.routers.health
  const hosts = [...rule.matchAll(/(!?)HostRegexp\(`([^`]+)`\)/g)]
  assert.equal(hosts.length, 3)
  return hosts.some(([, not, text = '']) => {
    const expression = new RegExp(text)
    return (expression.test(host) || expression.test('')) !== (not === '!')
  })
}

test('the health page answers to addresses and to no host, never for a public name', () => {
  for (const host of ['', '192.0.2.1', '[::1]', '::1', '[fd00::a:1]', '[::ffff:192.0.2.1]'])
    assert.ok(healthTakes(host), host)
  for (const host of [
    'n8n.example.com',
    'cafe.de',
    'localhost',
    'a',
    '1.example.com',
    '192.0.2.1.example.com',
  ])
    assert.ok(!healthTakes(host), host)
})

test('whoever asks a probe can make it fetch no page, no name and no metadata of his own choice', () => {
  const hostile = [
    'who=169.254.169.254/latest/user-data?',
    'who=192.0.2.1:8080/latest/user-data?',
    'who=169.254.169.254:80',
    'who=169.0376.0251.254:80',
    'who=0251.254.169.254:80',
    'who=127.0.0.1:8081',
    'who=2852039166:80',
    'who=metadata.example.com:80',
    'who=user@192.0.2.1:80',
    'who=192.0.2.1:80\nhttp://evil.example.com',
    'page=192.0.2.1:80/secret',
    'site=192.0.2.1:80/x?,evil.example.com',
    'payload=192.0.2.1:80:90',
    'inside=evil',
    'outside=secret.evil.example.com',
    'nothing=192.0.2.1:80',
    '$(id)=192.0.2.1:80',
    'open=127.0.0.1:5432',
    'open=169.254.169.254:80',
    'open=metadata.example.com:80',
    'open=192.0.2.1:80:90',
    'open=-e.0.0.1:80',
    'login=127.0.0.1:5432,a/b',
    'login=192.0.2.1:5432',
    'login=192.0.2.1:5432,a',
    'login=192.0.2.1:5432,a/b/c',
    'login=192.0.2.1:5432,/b',
    'login=192.0.2.1:5432,a\\000b/c',
    'login=192.0.2.1:5432,$(id)/b',
    'login=192.0.2.1:5432,%s/b',
    `login=192.0.2.1:5432,${'a'.repeat(200)}/b`,
  ]
  const { lines, fetched, dialled } = asked(...hostile)
  assert.deepEqual([fetched, dialled], [[], ''])
  assert.deepEqual(lines, hostile.map((_item, at) => `${at} `).toSorted())
})

test('what comes back from a stranger is told to nobody', () => {
  const { lines } = asked('who=192.0.2.9:80', 'site=192.0.2.9:80', 'page=192.0.2.9:80')
  assert.deepEqual(lines, ['0 ', '1 ', '2 yes'])
})

test('a question and its answer fit into one packet, and no item is lost', () => {
  const items = Array.from({ length: 150 }, (_, at) => `who=192.0.2.${at}:31695,k8s-worker-${at}`)
  const portions = portionsOf(items)
  assert.deepEqual(portions.flat(), items)
  for (const portion of portions) assert.ok(encodeURIComponent(portion.join('|')).length < 1000)
})

test('the verdict on policies: on only where every flow is as they say', () => {
  assert.deepEqual(verdictOf({ cut: [], passed: [], flows: 20 }), {
    enforced: true,
    reason: '20 flows as the policies say',
  })
  const all = Array.from({ length: 10 }, () => 'ingress from a')
  assert.match(verdictOf({ cut: [], passed: all, flows: 20 }).reason, /^not enforced: 10/)
  assert.match(
    verdictOf({ cut: [], passed: ['egress to a'], flows: 20 }).reason,
    /not enforced everywhere: 1/,
  )
  assert.equal(verdictOf({ cut: [], passed: ['egress to a'], flows: 20 }).enforced, false)
  assert.equal(verdictOf({ cut: ['egress to a'], passed: [], flows: 20 }).enforced, false)
  const { data } = verdictObject({ enforced: false, reason: 'why' }) as { data?: object }
  assert.deepEqual(data, { enforced: 'false', reason: 'why' })
})

test('backend-services holds hosts and ports of the backends that are set, and no credential', () => {
  const [namespace, map] = backendServices(settings)
  assert.equal(namespace?.metadata?.name, 'keybuzz-dev')
  assert.deepEqual((map as { data?: object }).data, { POSTGRES_HOST: '192.0.2.10', POSTGRES_PORT: '5432' })
  assert.deepEqual(backendServices({ ENV: 'dev' } as K3sSettings), [])
})

test('an image of the private registry is pulled with its account, as a volume: nothing of it runs', () => {
  const versions = {
    n8n: { version: '1', image: 'docker.io/n8n:1' },
    // A chart has the name of an image and is none.
    stack: { version: '1', image: 'r.example.com/charts/stack:1', chart: 'artifacts/stack-1.tgz' },
    api: { version: '2', image: 'r.example.com/api:2' },
  }
  const account = { REGISTRY_USER: 'puller', REGISTRY_PASSWORD: sensitive('s3cret-token') }
  const [secret, pod] = pullProof(
    { ...settings, ...account, REGISTRY_SERVER: 'r.example.com' },
    versions,
    image,
  )
  assert.equal((secret as Secret).type, 'kubernetes.io/dockerconfigjson')
  const [spec] = podsOf(pod === undefined ? [] : [pod])
  assert.deepEqual(spec?.imagePullSecrets, [{ name: 'registry' }])
  assert.deepEqual(spec?.volumes?.at(-1), {
    name: 'pulled',
    image: { reference: 'r.example.com/api:2', pullPolicy: 'Always' },
  })
  assert.deepEqual(
    spec?.containers.map((one) => one.image),
    [image, image],
  )
  assert.deepEqual(
    pullProof({ ...settings, ...account, REGISTRY_SERVER: 'other.example.com' }, versions, image),
    [],
  )
  assert.deepEqual(pullProof(settings, versions, image), [])
})

test('the load balancer’s table says port, targets and check, by where TLS ends and which port the ingress has', () => {
  const texts = (more: object) => loadBalancerLines({ ...settings, ...more }).map(([, text]) => text)
  assert.deepEqual(texts({}), [
    'HTTP -> port 80 of every node; check HTTP /healthz on port 80, status 200',
    'HTTPS, TLS ends here -> HTTP port 80 of the same; check HTTP /healthz on port 80, status 200',
    'TCP -> port 6443 of the masters; check TCP',
  ])
  assert.match(texts({ INGRESS_NODE_PORT: 31_695 })[0] ?? '', /port 31695 of .* on port 31695/)
  assert.match(texts({ TLS_MODE: 'issuer' })[1] ?? '', /passed through -> port 443/)
})

test('only hosts of the cluster ask the probes, and the confined one, whose own policy is proven by that', async () => {
  const nodes = [
    {
      metadata: { name: 'a' },
      spec: { podCIDR: '10.42.0.0/24' },
      status: { addresses: [{ type: 'InternalIP', address: '192.0.2.21' }] },
    },
  ]
  const kube = { list: () => Promise.resolve(nodes) } as unknown as KubeReader
  const all = [...policies, await guard(kube, { CLUSTER_CIDR: '10.42.0.0/16' })] as NetworkPolicy[]
  const at = (address: string, labels?: Record<string, string>, namespace = probeNamespace): End => ({
    address,
    ...(labels === undefined ? {} : { pod: { namespace, labels } }),
  })
  const allowed = (from: End, to: End, port: number) => isAllowed(all, { from, to, port })
  const [node, other] = [at('10.42.0.5', parts.node), at('10.42.1.5', parts.node)]
  const [guarded, confined] = [at('10.42.1.6', parts.guarded), at('10.42.1.7', parts.confined)]
  const apiServers = [at('10.42.2.0'), at('192.0.2.21')]
  for (const from of apiServers)
    for (const to of [node, confined, at('10.42.1.8', parts.volume)])
      assert.equal(allowed(from, to, askedPort), true)
  for (const from of [at('10.42.1.9', { app: 'any' }, 'evil'), other, at('192.0.2.99')])
    assert.equal(allowed(from, node, askedPort), false)
  // What is served stays open: to other probes, to the ingress, to whoever comes by a NodePort.
  for (const from of [other, at('198.51.100.9'), ...apiServers, at('10.42.1.9', { app: 'any' }, 'evil')])
    assert.equal(allowed(from, node, servedPort), true)
  // The proof itself: one port open and one closed, each way. The closed one of egress is closed by egress alone.
  assert.deepEqual([allowed(node, guarded, servedPort), allowed(node, guarded, closedPort)], [true, false])
  assert.deepEqual([allowed(confined, node, servedPort), allowed(confined, node, closedPort)], [true, false])
  const withoutEgress = all.filter(({ metadata }) => metadata?.name !== 'confined')
  assert.equal(isAllowed(withoutEgress, { from: confined, to: node, port: closedPort }), true)
  const withoutIngress = all.filter(({ metadata }) => metadata?.name !== 'guarded')
  assert.equal(isAllowed(withoutIngress, { from: node, to: guarded, port: closedPort }), true)
})
