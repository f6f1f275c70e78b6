import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../lib/base/files.mts'
import { folderOf } from '../../../lib/base/names.mts'
import { jobLabel } from '../../../lib/kube/manifests/jobs.mts'
import { selector } from '../../../lib/kube/manifests/objects.mts'
import { policies, type Flow } from '../../../lib/kube/manifests/policies.mts'
import type { Deployment, Ingress, Job, NetworkPolicy, Service } from '../../../lib/kube/types.mts'
import type { Module, SettingsOf } from '../../../lib/run/module.mts'
import { objectsOf } from '../../../lib/run/objects.mts'
import { choosePolicies, policiesBySteps } from '../../../lib/run/policies.mts'
import type { Step } from '../../../lib/run/step.mts'
import { resolve, typed, type Settings } from '../../../lib/settings/settings.mts'
import { keybuzz } from '../../../scripts/10_keybuzz/module.mts'
import { chatwoot } from '../../../scripts/11_chatwoot/module.mts'
import { n8n } from '../../../scripts/12_n8n/module.mts'
import { superset } from '../../../scripts/13_superset/module.mts'
import { vault } from '../../../scripts/14_vault/module.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { modules } from '../../../scripts/modules.mjs'
import { isAllowed, type End } from '../kube/manifests/evaluate-policies.mts'
import { settingsOf } from './rendered.mts'

// The NetworkPolicies of every module, and what they allow: all that an application and the kit's checks need of it.

const node = (name: string, address: string, podCIDR: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR },
  status: { addresses: [{ type: 'InternalIP', address }] },
})
const nodes = [node('k8s-1', '10.0.0.21', '10.42.0.0/24'), node('k8s-2', '10.0.0.22', '10.42.1.0/24')]
const proven = {
  network: { pods: '10.42.0.0/16', services: '10.43.0.0/16', proof: '20 flows as the policies say' },
  nodes,
}

const more = {
  POSTGRES_HOST: '10.0.0.10',
  REDIS_HOST: '10.0.0.11',
  RABBITMQ_HOST: '10.0.0.12',
  S3_ENDPOINT: 'https://10.0.0.13:9000',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'a-secret-key',
  CHATWOOT_S3_BUCKET: 'chatwoot',
  SMTP_HOST: '10.0.0.25',
  API_MIGRATE: 'npm run migrate',
  PRIVATE_TARGETS: '10.0.9.0/24, 10.0.0.40:8443',
  SUPERSET_REPORTS: 'true',
  MODELS_YML: `models:
  - { alias: gpt, model: openai/gpt }
  - { alias: own, model: openai/qwen, base: 'http://10.0.0.60:8000/v1' }
  - { alias: near, model: openai/qwen, base: 'http://embedder:8081/v1' }
`,
  SERVICES_YML: ['embedder, port: 8081, environment: [QDRANT_API_KEY]', 'reader, port: 8082'].reduce(
    (text, one) =>
      `${text}  - { name: ${one}, image: registry.example.com/service:1, health: /health, uid: 1000, resources: { cpu: 100m, memory: 256Mi, cpuLimit: '1', memoryLimit: 512Mi } }\n`,
    'services:\n',
  ),
}

/** A row of the table with its steps. */
const steps = async (row: { number: number; slug: string }): Promise<readonly [Step, ...Step[]]> => {
  const folder = folderOf(row)
  const path = join(root, 'scripts', folder, `${folder}_apply_all.mts`)
  return ((await import(path)) as { default: readonly [Step, ...Step[]] }).default
}

const imagesOf = (module: Module) =>
  Object.fromEntries(module.images.map((name) => [name, `registry.example.com/${name}:1`]))

function declaredBy(module: Module, settings: Settings) {
  const declared = module.objects(settings, imagesOf(module), {})
  const choice = choosePolicies(module, settings, proven)
  assert.ok('surroundings' in choice, 'proven')
  return { declared, choice }
}

const policiesOf = (module: Module, settings: Settings, flows?: readonly Flow[]): NetworkPolicy[] => {
  const { declared, choice } = declaredBy(module, settings)
  const changed = flows === undefined ? module : { ...module, flows: () => flows }
  return Object.values(policiesBySteps(changed, settings, declared, choice)).flat()
}

const host = (address: string, name?: string): End => ({
  address,
  ...(name === undefined ? {} : { node: name }),
})
/** How hosts of other nodes come: by the overlay, and by their own address where there is none. */
const otherHosts = [host('10.42.0.0', 'k8s-1'), host('10.0.0.21', 'k8s-1'), host('10.42.7.0')]
const strangers = (namespace: string): End[] => [
  { address: '10.42.0.9', pod: { namespace: 'evil', labels: selector('n8n', 'main') } },
  { address: '10.42.0.8', pod: { namespace: `${namespace}-2`, labels: {} } },
  host('10.0.0.99'),
]

/** One connection an application needs. */
type Use = readonly [from: End, to: End, port: number]

const pod = (namespace: string, labels: Record<string, string>): End => ({
  address: '10.42.1.7',
  node: 'k8s-2',
  pod: { namespace, labels },
})
const fromHosts = (to: End, port: number): Use[] => otherHosts.map((from) => [from, to, port])
const toEach = (from: End, ends: readonly (readonly [string, number])[]): Use[] =>
  ends.map(([address, port]) => [from, host(address), port])

const [postgres, redis, rabbitmq, s3, smtp] = [
  ['10.0.0.10', 5432],
  ['10.0.0.11', 6379],
  ['10.0.0.12', 5672],
  ['10.0.0.13', 9000],
  ['10.0.0.25', 587],
] as const
const outside = [
  ['203.0.113.5', 443],
  ['203.0.113.5', 993],
  ['10.0.9.7', 22],
  ['10.0.0.40', 8443],
  // The public names, where they lead to the nodes.
  ['10.0.0.22', 443],
] as const

const keybuzzSpace = 'keybuzz-staging'
const [api, front] = (['api', 'front'] as const).map((part) =>
  pod(keybuzzSpace, selector('keybuzz', part)),
) as [End, End]
const migration = pod(keybuzzSpace, { 'app.kubernetes.io/name': 'keybuzz', [jobLabel]: 'migrate' })
const [web, worker] = (['web', 'worker'] as const).map((part) =>
  pod('chatwoot-staging', selector('chatwoot', part)),
) as [End, End]
const prepare = pod('chatwoot-staging', { 'app.kubernetes.io/name': 'chatwoot', [jobLabel]: 'prepare' })
const n8nPods = (['main', 'webhook', 'worker'] as const).map((part) =>
  pod('n8n-staging', selector('n8n', part)),
)

const supersetSpace = 'superset-staging'
const [supersetWeb, supersetWorker, supersetBeat] = (['web', 'worker', 'beat'] as const).map((part) =>
  pod(supersetSpace, selector('superset', part)),
) as [End, End, End]
const [supersetMigration, supersetPreflight] = (['migrate', 'preflight'] as const).map((name) =>
  pod(supersetSpace, { 'app.kubernetes.io/name': 'superset', [jobLabel]: name }),
) as [End, End]

const llmSpace = 'llm-staging'
const [proxy, checksPod, qdrant, embedder, reader] = (
  [
    ['litellm', 'proxy'],
    ['llm', 'checks'],
    ['qdrant', 'store'],
    ['llm-service', 'embedder'],
    ['llm-service', 'reader'],
  ] as const
).map(([name, component]) => pod(llmSpace, selector(name, component))) as [End, End, End, End, End]
const llmJobs = ['validate', 'migrate'].map((name) =>
  pod(llmSpace, { 'app.kubernetes.io/name': 'litellm', [jobLabel]: name }),
)
const modelServer = ['10.0.0.60', 8000] as const

const applications: readonly {
  readonly module: Module
  readonly uses: readonly Use[]
  readonly refused: readonly Use[]
}[] = [
  {
    module: keybuzz,
    uses: [
      ...fromHosts(api, 3001),
      ...fromHosts(front, 3000),
      [front, api, 3001],
      // The check keybuzz.backends asks the same from inside.
      ...toEach(api, [postgres, redis, rabbitmq]),
      ...toEach(migration, [postgres, redis, rabbitmq]),
      ...toEach(front, outside),
      ...toEach(api, outside),
    ],
    refused: [
      ...toEach(front, [postgres, redis, rabbitmq]),
      [api, front, 3000],
      [migration, api, 3001],
      ...fromHosts(api, 3002),
    ],
  },
  {
    module: chatwoot,
    uses: [
      ...fromHosts(web, 3000),
      ...[web, worker, prepare].flatMap((one) => toEach(one, [postgres, redis, s3, smtp, ...outside])),
    ],
    refused: [...fromHosts(worker, 3000), [worker, web, 3000], ...toEach(web, [rabbitmq])],
  },
  {
    module: n8n,
    uses: n8nPods.flatMap((one) => [
      // Also n8n.ready: it asks each process by the API server.
      ...fromHosts(one, 5678),
      ...toEach(one, [postgres, redis, smtp, ...outside]),
    ]),
    refused: n8nPods.flatMap((one) => [...fromHosts(one, 5679), ...toEach(one, [rabbitmq, s3])]),
  },
  {
    module: superset,
    uses: [
      // Its checks ask by the public name; what they ask for, web pods and workers do (superset.key, superset.sqllab).
      ...fromHosts(supersetWeb, 8088),
      [supersetWorker, supersetWeb, 8088],
      ...[supersetWeb, supersetWorker, supersetBeat, supersetMigration].flatMap((one) =>
        toEach(one, [postgres, redis]),
      ),
      ...toEach(supersetWorker, [smtp, ...outside]),
      ...toEach(supersetWeb, outside),
    ],
    refused: [
      ...[supersetWeb, supersetWorker].flatMap((one) => toEach(one, [rabbitmq, s3])),
      ...[supersetBeat, supersetMigration].flatMap((one) => toEach(one, [smtp, ...outside])),
      ...toEach(supersetPreflight, [postgres, redis, smtp, ...outside]),
      ...toEach(supersetWeb, [smtp]),
      ...[supersetWorker, supersetBeat].flatMap((one) => fromHosts(one, 8088)),
      [supersetWeb, supersetWorker, 8088],
      [supersetBeat, supersetWeb, 8088],
    ],
  },
  {
    module: llm,
    uses: [
      // Also litellm.ready and litellm.services: they ask pods by the API server.
      ...fromHosts(proxy, 4000),
      ...fromHosts(embedder, 8081),
      ...fromHosts(reader, 8082),
      // The other checks and the drills ask from their own pod, and LiteLLM asks it back as a provider.
      [checksPod, proxy, 4000],
      [proxy, checksPod, 8080],
      [checksPod, qdrant, 6333],
      ...[proxy, ...llmJobs].flatMap((one) => toEach(one, [postgres, redis])),
      ...toEach(proxy, [modelServer, ...outside]),
      [proxy, embedder, 8081],
      [proxy, reader, 8082],
      [embedder, reader, 8082],
      [reader, embedder, 8081],
      ...[embedder, reader].flatMap((one): Use[] => [[one, proxy, 4000], ...toEach(one, outside)]),
      [embedder, qdrant, 6333],
      [embedder, qdrant, 6334],
    ],
    refused: [
      ...[embedder, reader, qdrant, checksPod].flatMap((one) => toEach(one, [postgres, redis, modelServer])),
      ...[qdrant, checksPod, ...llmJobs].flatMap((one) => toEach(one, outside)),
      ...[proxy, reader, ...llmJobs].flatMap((one): Use[] => [
        [one, qdrant, 6333],
        [one, qdrant, 6334],
      ]),
      [checksPod, qdrant, 6334],
      ...[qdrant, checksPod, ...llmJobs].map((one): Use => [one, embedder, 8081]),
      [qdrant, proxy, 4000],
      [embedder, checksPod, 8080],
      ...fromHosts(qdrant, 6333),
      ...fromHosts(checksPod, 8080),
      ...toEach(proxy, [rabbitmq, s3, smtp]),
    ],
  },
]

const never = (from: End): Use[] =>
  toEach(from, [
    ['10.0.0.10', 22],
    ['10.0.0.50', 443],
    ['10.0.0.22', 6443],
    ['10.0.0.22', 10_250],
    ['192.168.1.1', 80],
    ['169.254.169.254', 80],
    ['10.43.0.1', 443],
    ['10.0.0.40', 22],
  ])

for (const { module, uses, refused } of applications) {
  const name = folderOf(module)
  const settings = settingsOf(module, more)
  const all = policiesOf(module, settings)
  const passes = (list: readonly NetworkPolicy[], [from, to, port]: Use) =>
    isAllowed(list, { from, to, port })
  const text = ([from, to, port]: Use) => JSON.stringify([from, to, port])

  test(`${name}: everything it needs passes, and the requests of its checks`, () => {
    for (const use of uses) assert.ok(passes(all, use), text(use))
  })

  test(`${name}: other connections of its pods, strangers, and private addresses are refused`, () => {
    const pods = [...new Set(uses.flatMap(([from, to]) => [from, to]))].filter((one) => one.pod !== undefined)
    assert.ok(pods.length >= 3)
    const ports = [...new Set(uses.map(([, , port]) => port))]
    const intruders = pods.flatMap((to) =>
      strangers(to.pod?.namespace ?? '').flatMap((from) => ports.map((port): Use => [from, to, port])),
    )
    for (const use of [...refused, ...intruders, ...pods.flatMap(never)])
      assert.ok(!passes(all, use), text(use))
  })

  test(`${name}: each flow it declares is used: without it, something it needs is refused`, () => {
    const flows = module.flows?.(settings) ?? []
    for (const index of flows.keys()) {
      const less = policiesOf(module, settings, flows.toSpliced(index, 1))
      assert.ok(
        uses.some((use) => !passes(less, use)),
        JSON.stringify(flows[index]),
      )
    }
  })
}

test('with an issuer, the pods by which cert-manager proves a name are open to the ingress; without one they are not', () => {
  const solver = pod('n8n-staging', { 'acme.cert-manager.io/http01-solver': 'true' })
  for (const [mode, passes] of [
    ['issuer', true],
    ['files', false],
  ] as const) {
    const all = policiesOf(n8n, settingsOf(n8n, { ...more, TLS_MODE: mode, TLS_ISSUER: 'public' }))
    for (const from of otherHosts)
      assert.equal(isAllowed(all, { from, to: solver, port: 8089 }), passes, mode)
    assert.equal(isAllowed(all, { from: host('10.0.0.99'), to: solver, port: 8089 }), false)
  }
})

test('a policy whose pods no step declares belongs to the first one', () => {
  const settings = settingsOf(n8n, { ...more, TLS_MODE: 'issuer', TLS_ISSUER: 'public' })
  const { declared, choice } = declaredBy(n8n, settings)
  assert.deepEqual(Object.keys(policiesBySteps(n8n, settings, declared, choice)), ['01_deploy'])
})

test('optional backends that are not set open nothing', () => {
  const settings = settingsOf(n8n, { POSTGRES_HOST: '10.0.0.10', REDIS_HOST: '10.0.0.11' })
  const [main] = n8nPods
  assert.ok(main, 'main')
  const all = policiesOf(n8n, settings)
  assert.equal(isAllowed(all, { from: main, to: host('10.0.0.25'), port: 587 }), false)
  assert.equal(isAllowed(all, { from: main, to: host('10.0.9.7'), port: 22 }), false)
})

test('Superset: without reports no worker asks the web pods', () => {
  const all = policiesOf(superset, settingsOf(superset, { ...more, SUPERSET_REPORTS: 'false' }))
  assert.equal(isAllowed(all, { from: supersetWorker, to: supersetWeb, port: 8088 }), false)
  assert.equal(isAllowed(all, { from: supersetWorker, to: host('10.0.0.11'), port: 6379 }), true)
})

test('the injector: API server and kubelet reach it, it reaches the API server, and nothing else passes', () => {
  const all = policiesOf(vault, settingsOf(vault, more))
  const injector = pod('vault-injector', selector('vault-injector', 'injector'))
  const passes = (from: End, to: End, port: number) => isAllowed(all, { from, to, port })
  for (const from of otherHosts) assert.ok(passes(from, injector, 8080))
  for (const address of ['10.0.0.21', '10.0.0.22']) assert.ok(passes(injector, host(address), 6443))
  for (const from of strangers('vault-injector')) assert.ok(!passes(from, injector, 8080))
  for (const [to, port] of [
    ['10.0.0.22', 443],
    ['10.0.0.22', 10_250],
    ['203.0.113.5', 443],
    ['10.0.0.10', 8200],
  ] as const)
    assert.ok(!passes(injector, host(to), port), to)
})

test('LiteLLM: an external vector store is open to the services, and none of the kit’s own is there', () => {
  const external = { ...more, VECTOR_STORE_URL: 'http://10.0.0.70:6333' }
  const services = more.SERVICES_YML.replace(', environment: [QDRANT_API_KEY]', '')
  const all = policiesOf(llm, settingsOf(llm, { ...external, SERVICES_YML: services }))
  const passes = (from: End, to: End) => isAllowed(all, { from, to, port: 6333 })
  for (const one of [embedder, reader]) assert.ok(passes(one, host('10.0.0.70')))
  for (const one of [proxy, checksPod]) assert.ok(!passes(one, host('10.0.0.70')))
  assert.ok(!passes(checksPod, qdrant))
})

// The same for every row of the table, with flows nobody wrote a test for too.

const rows = await Promise.all(
  modules.map(async (row) => {
    const all = await steps(row)
    return { folder: folderOf(row), module: all[0].module, all }
  }),
)

test('every application of the kit is in the table above: what it needs, and what it must not reach', () => {
  const tried: readonly string[] = applications.map(({ module }) => folderOf(module))
  const built = rows.filter(({ module }) => module.scope === 'environment').map(({ folder }) => folder)
  assert.deepEqual(
    built.filter((folder) => !tried.includes(folder)),
    [],
  )
})

/** Settings of any module: what nobody set stands as <KEY>, as in an offline plan. */
const filledOf = (module: Module, saved: Record<string, string>): SettingsOf<Module> =>
  typed(
    'staging',
    resolve([...module.shared, ...module.settings], {
      env: 'staging',
      overrides: {},
      saved: { ...saved, DOMAIN: 'example.com' },
      variables: {},
    }).map((one) =>
      one.text === undefined && one.setting.optional !== true
        ? { ...one, text: `<${one.setting.key}>` }
        : one,
    ),
  ) as SettingsOf<Module>

for (const { folder, module, all } of rows.filter((row) => row.module.flows !== undefined)) {
  const settings = filledOf(module, more)
  const { choice } = declaredBy(module, settings)
  const images = imagesOf(module)
  const objects = objectsOf(module, all, { settings, images, versions: {}, policies: choice })
  const own = objects.filter(({ kind }) => kind === 'NetworkPolicy') as NetworkPolicy[]

  test(`${folder}: its policies are such as the API server takes, and belong to its namespace`, () => {
    assert.ok(own.length >= 2)
    const spaces = objects.flatMap(({ kind, metadata }) => (kind === 'Namespace' ? [metadata?.name] : []))
    for (const { metadata, spec } of own) {
      assert.ok(spaces.includes(metadata?.namespace))
      assert.match(metadata?.name ?? '', /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/)
      assert.ok(spec?.policyTypes !== undefined && spec.policyTypes.length > 0)
      const rules = [...(spec.ingress ?? []), ...(spec.egress ?? [])]
      const blocks = JSON.stringify(rules).match(/"(?:cidr|except)":(?:"[^"]*"|\[[^\]]*\])/g) ?? []
      for (const range of blocks.join().match(/\d[\d.]+(?:\/\d+)?/g) ?? [])
        assert.match(range, /^(\d+\.){3}\d+\/\d+$/)
      for (const { ports = [] } of rules)
        for (const { port } of ports) assert.ok(Number(port) >= 1 && Number(port) <= 65_535)
      // An empty list of peers would open everything.
      assert.ok(!/"(from|to)":\[\]/.test(JSON.stringify(rules)))
    }
  })

  test(`${folder}: the ingress reaches the pods of every Service a public name leads to`, () => {
    const services = objects.filter(({ kind }) => kind === 'Service') as Service[]
    const backends = (objects.filter(({ kind }) => kind === 'Ingress') as Ingress[]).flatMap(({ spec }) =>
      (spec?.rules ?? []).flatMap(({ http }) =>
        (http?.paths ?? []).flatMap((path) => path.backend.service ?? []),
      ),
    )
    for (const { name, port } of backends) {
      const service = services.find(({ metadata }) => metadata?.name === name)
      const target = service?.spec?.ports?.find((one) => one.port === port?.number)?.targetPort
      const to = pod(service?.metadata?.namespace ?? '', service?.spec?.selector ?? {})
      for (const from of otherHosts)
        assert.ok(isAllowed(own, { from, to, port: Number(target) }), `${name} ${from.address}`)
    }
  })

  test(`${folder}: policies come before the pods they select, in the same step; every pod is under the deny`, () => {
    const stepOf = (one: (typeof objects)[number]) => one.metadata?.labels?.['keybuzz.io/step']
    for (const [index, one] of objects.entries()) {
      const labels = (one as Deployment | Job).spec?.template?.metadata?.labels
      if (labels === undefined) continue
      for (const policy of own) {
        const wanted = policy.spec?.podSelector.matchLabels ?? {}
        if (!Object.entries(wanted).every(([key, value]) => labels[key] === value)) continue
        assert.ok(objects.indexOf(policy) < index, policy.metadata?.name)
        if (Object.keys(wanted).length > 0) assert.equal(stepOf(policy), stepOf(one))
      }
    }
    assert.equal(own.filter(({ metadata }) => metadata?.name === 'default-deny').length, 1)
    assert.equal(stepOf(own.find(({ metadata }) => metadata?.name === 'default-deny') ?? {}), all[1]?.id)
  })

  test(`${folder}: it has the settings that switch its policies, and off means none`, () => {
    const keys = module.shared.map(({ key }) => key)
    for (const key of ['NETWORK_POLICIES', 'PRIVATE_TARGETS']) assert.ok(keys.includes(key), key)
    const off = choosePolicies(module, filledOf(module, { ...more, NETWORK_POLICIES: 'off' }), proven)
    const less = objectsOf(module, all, { settings, images, versions: {}, policies: off })
    assert.ok(!less.some(({ kind }) => kind === 'NetworkPolicy'))
    assert.equal(less.length, objects.length - own.length)
  })
}

test('policies of a module’s flows alone: the same, without its objects', () => {
  const settings = settingsOf(n8n, more)
  const choice = choosePolicies(n8n, settings, proven)
  assert.ok('surroundings' in choice, 'proven')
  assert.deepEqual(
    policiesOf(n8n, settings),
    policies('n8n-staging', n8n.flows(settings as never), choice.surroundings),
  )
})
