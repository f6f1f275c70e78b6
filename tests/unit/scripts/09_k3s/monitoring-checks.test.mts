import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { runChecks, type Outcome, type Tools } from '../../../../lib/checks/checks.mts'
import type { Kube } from '../../../../lib/kube/apply/kube.mts'
import type { LiveObject, Manifest, Secret } from '../../../../lib/kube/types.mts'
import { checks } from '../../../../scripts/09_k3s/checks.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { alertmanagerConfig } from '../../../../scripts/09_k3s/monitoring/alertmanager.mts'
import { monitoringObjects } from '../../../../scripts/09_k3s/monitoring/objects.mts'
import { historyOf, receiverIn } from '../../../../scripts/09_k3s/monitoring/current.mts'
import { configurationIsCurrent, unreconciled } from '../../../../scripts/09_k3s/monitoring/ready.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { settingsOf } from '../rendered.mts'

// Whether the cluster is watched. The cluster here is a table of answers, all right, of which each test makes one wrong.

const monitoring = checks.filter(({ id }) => id.startsWith('k3s.monitoring'))

const managed = { 'app.kubernetes.io/managed-by': 'keybuzz' }
const monitor = (name: string, endpoints: number, labels: Record<string, string> = managed): LiveObject => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'ServiceMonitor',
  metadata: { namespace: 'monitoring', name, labels },
  spec: { endpoints: Array.from({ length: endpoints }, () => ({})) },
})
const rule = (name: string, ...rules: string[]): LiveObject => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  // Those of a team have no label of the kit.
  metadata: { namespace: 'monitoring', name, uid: `uid-${name}`, labels: name === 'team' ? {} : managed },
  spec: { groups: [{ name: `${name}.group`, rules: rules.map((alert) => ({ alert })) }] },
})
const loaded = (name: string, ...rules: object[]) => ({
  name: `${name}.group`,
  file: `/etc/prometheus/rules/prometheus-monitoring-prometheus-rulefiles-0/monitoring-${name}-uid-${name}.yaml`,
  rules: rules.map((one) => ({ name: 'Watchdog', health: 'ok', ...one })),
})
const target = (pool: string, health = 'up', lastError = '') => ({
  scrapePool: `serviceMonitor/monitoring/${pool}`,
  scrapeUrl: 'http://10.0.0.1:9100/metrics',
  health,
  lastError,
})
const resource = (
  kind: string,
  name: string,
  conditions: Record<string, object>,
  generation = 2,
): LiveObject => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind,
  metadata: { namespace: 'monitoring', name, generation },
  spec: { retention: '15d', retentionSize: '8GB' },
  status: {
    conditions: ['Reconciled', 'Available'].map((type) => ({
      type,
      status: 'True',
      observedGeneration: 2,
      ...conditions[type],
    })),
  },
})
const keeper = (
  name: string,
  path: string,
  volume: object = { persistentVolumeClaim: { claimName: 'db' } },
) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'monitoring', name },
    spec: {
      containers: [{ name: 'a', volumeMounts: [{ name: 'db', mountPath: path }] }],
      volumes: [{ name: 'db', ...volume }],
    },
  }) as LiveObject
const claim = (name: string, size: string, phase = 'Bound') =>
  ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace: 'monitoring', name },
    spec: { resources: { requests: { storage: size } } },
    status: { phase },
  }) as LiveObject
const history = 'prometheus-monitoring-prometheus-db-prometheus-monitoring-prometheus-0'
const { receiver, text: configuration } = alertmanagerConfig(undefined)
const configured = (text: string) =>
  ({ kind: 'Secret', data: { 'alertmanager.yaml': btoa(text) } }) as unknown as LiveObject

interface World {
  settings?: Record<string, string>
  monitors?: LiveObject[]
  rules?: LiveObject[]
  loaded?: object[]
  pools?: string[]
  targets?: object[]
  info?: object
  /** When the operator wrote Prometheus' configuration. */
  written?: string
  receivers?: string[]
  /** The configuration of Alertmanager that lies in the cluster. */
  configuration?: string
  fired?: object[]
  arrived?: object[]
  rejected?: string
  bytes?: string
  prometheus?: LiveObject | undefined
  alertmanager?: LiveObject | undefined
  pods?: Record<string, LiveObject>
  claims?: LiveObject[]
  health?: string
  login?: KitError
  page?: number
  /** In place of every answer of Prometheus. */
  text?: string
}

const watchdog = { labels: { alertname: 'Watchdog' } }

function toolsOf(world: World) {
  const monitors = world.monitors ?? [monitor('node-exporter', 1), monitor('kubelet', 2)]
  const answers: [RegExp, unknown][] = [
    [
      /\/api\/v1\/rules$/,
      { data: { groups: world.loaded ?? [loaded('general', {}), loaded('keybuzz', {}, {})] } },
    ],
    [
      /scrape_pools$/,
      {
        data: {
          scrapePools: world.pools ?? [
            'serviceMonitor/monitoring/node-exporter/0',
            'serviceMonitor/monitoring/kubelet/0',
            'serviceMonitor/monitoring/kubelet/1',
          ],
        },
      },
    ],
    [
      /targets\?/,
      {
        data: {
          activeTargets: world.targets ?? [
            target('node-exporter/0'),
            target('node-exporter/0'),
            target('kubelet/0'),
            target('kubelet/1'),
          ],
        },
      },
    ],
    [
      /runtimeinfo$/,
      {
        data: {
          lastConfigTime: '2026-11-30T10:00:30Z',
          reloadConfigSuccess: true,
          storageRetention: '15d or 8GiB',
          ...world.info,
        },
      },
    ],
    [/v1\/alerts$/, { data: { alerts: world.fired ?? [{ ...watchdog, state: 'firing' }] } }],
    [/query\?query=.*rejected/, values(world.rejected ?? '0')],
    [/query\?query=.*blocks_bytes/, values(world.bytes ?? String(2 * 2 ** 30))],
    [/v2\/receivers$/, (world.receivers ?? [receiver, 'nobody']).map((name) => ({ name }))],
    [
      /v2\/alerts/,
      world.arrived ?? [{ ...watchdog, status: { state: 'active' }, receivers: [{ name: 'nobody' }] }],
    ],
    [
      /secrets\/prometheus-monitoring-prometheus$/,
      { metadata: { managedFields: [{ time: world.written ?? '2026-11-30T10:00:00Z' }] } },
    ],
    [/grafana:80\/proxy\/api\/health$/, world.health ?? { database: 'ok' }],
  ]
  const pods: Record<string, LiveObject> = {
    'prometheus-monitoring-prometheus-0': keeper('prometheus-monitoring-prometheus-0', '/prometheus'),
    'alertmanager-monitoring-alertmanager-0': keeper(
      'alertmanager-monitoring-alertmanager-0',
      '/alertmanager',
    ),
    ...world.pods,
  }
  const objects: Record<string, LiveObject | undefined> = {
    ...pods,
    'alertmanager-config': configured(world.configuration ?? configuration),
    'monitoring-prometheus':
      'prometheus' in world ? world.prometheus : resource('Prometheus', 'monitoring-prometheus', {}),
    'monitoring-alertmanager':
      'alertmanager' in world ? world.alertmanager : resource('Alertmanager', 'monitoring-alertmanager', {}),
  }
  const claims = world.claims ?? [claim(history, '10Gi'), claim('grafana', '2Gi')]
  const lists: Record<string, LiveObject[]> = {
    'servicemonitors.monitoring.coreos.com': monitors,
    'prometheusrules.monitoring.coreos.com': world.rules ?? [
      rule('general', 'Watchdog'),
      rule('keybuzz', 'A', 'B'),
    ],
    persistentvolumeclaims: claims,
  }
  return {
    settings: settingsOf(k3s, {
      MONITORING: 'true',
      GRAFANA_PASSWORD: 'a-grafana-password',
      ...world.settings,
    }) as K3sSettings,
    kube: {
      list: (kind: string) => Promise.resolve(lists[kind] ?? []),
      get: (_kind: string, name: string) =>
        Promise.resolve(objects[name] ?? claims.find((one) => one.metadata.name === name)),
      raw: (path: string) => {
        const found = answers.find(([pattern]) => pattern.test(path))
        if (found === undefined) throw new Error(path)
        const [, answer] = found
        return Promise.resolve(world.text ?? (typeof answer === 'string' ? answer : JSON.stringify(answer)))
      },
      postTo: (_path: string, json: object) => {
        assert.deepEqual(json, { user: 'admin', password: 'a-grafana-password' })
        return world.login === undefined ? Promise.resolve('{}') : Promise.reject(world.login)
      },
    },
    http: { ask: () => Promise.resolve({ status: world.page ?? 200, text: '{}' }) },
  } as unknown as Tools<K3sSettings>
}
const values = (number: string) => ({ data: { result: [{ metric: {}, value: [1, number] }] } })

/** What a check answers at once: what it waits for never comes. */
async function outcomeOf(id: string, world: World): Promise<Outcome | undefined> {
  let now = 0
  const clock = mock.method(performance, 'now', () => (now += 1_000_000))
  try {
    const [outcome] = await runChecks(
      monitoring.filter((check) => check.id === id),
      toolsOf(world),
    )
    return outcome
  } finally {
    clock.mock.restore()
  }
}

test('on a cluster that is watched, every check passes; where monitoring is off none is asked or in a report', async () => {
  const outcomes = await runChecks(monitoring, toolsOf({}))
  assert.equal(outcomes.length, 7)
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
  const off = { ...toolsOf({ settings: { MONITORING: 'false' } }), kube: {}, http: {} } as Tools<K3sSettings>
  assert.deepEqual(await runChecks(monitoring, off), [])
})

const prometheus = (conditions: Record<string, object>, generation?: number) =>
  resource('Prometheus', 'monitoring-prometheus', conditions, generation)

const wrong: [id: string, what: string, world: World, result: Outcome['result'], evidence: RegExp][] = [
  [
    'k3s.monitoring',
    'a Prometheus in a crash loop, which is Reconciled all the same',
    { prometheus: prometheus({ Available: { status: 'False', message: 'pod p: CrashLoop' } }) },
    'failed',
    /Prometheus: Available False: pod p: CrashLoop/,
  ],
  [
    'k3s.monitoring',
    'an Alertmanager with a route to nobody',
    {
      alertmanager: resource('Alertmanager', 'monitoring-alertmanager', {
        Reconciled: { status: 'False', message: 'undefined receiver "nope" used in route' },
      }),
    },
    'failed',
    /Alertmanager: Reconciled False: undefined receiver/,
  ],
  [
    'k3s.monitoring',
    'a generation not looked at',
    { prometheus: prometheus({}, 3) },
    'failed',
    /not told yet/,
  ],
  ['k3s.monitoring', 'no Prometheus at all', { prometheus: undefined }, 'failed', /Prometheus: not there/],
  [
    'k3s.monitoring-targets',
    'a pool with nothing up',
    {
      targets: [
        target('node-exporter/0'),
        target('kubelet/0'),
        target('kubelet/1', 'down', 'connection refused'),
      ],
    },
    'failed',
    /kubelet\/1: 0 of 1 up: connection refused/,
  ],
  [
    'k3s.monitoring-targets',
    'a pool without targets',
    { targets: [target('kubelet/0'), target('kubelet/1')] },
    'failed',
    /node-exporter\/0: 0 of 0 up: no target/,
  ],
  [
    'k3s.monitoring-targets',
    'one of two down',
    {
      targets: [
        target('node-exporter/0'),
        target('node-exporter/0', 'down', 'timeout'),
        target('kubelet/0'),
        target('kubelet/1'),
      ],
    },
    'warning',
    /node-exporter\/0: 1 of 2 up: timeout/,
  ],
  [
    'k3s.monitoring-targets',
    'no monitor of the kit',
    { monitors: [monitor('x', 1, {})] },
    'failed',
    /no ServiceMonitor/,
  ],
  [
    'k3s.monitoring-watchdog',
    'a Prometheus that alerts of nothing',
    { fired: [] },
    'failed',
    /does not fire/,
  ],
  [
    'k3s.monitoring-watchdog',
    'alerts that arrive nowhere',
    { arrived: [] },
    'failed',
    /fires in Prometheus and is not in Alertmanager/,
  ],
  [
    'k3s.monitoring-rules',
    'a rule the operator dropped',
    { loaded: [loaded('general', {})] },
    'failed',
    /not loaded: monitoring-keybuzz-uid-keybuzz\.yaml/,
  ],
  [
    'k3s.monitoring-rules',
    'a group with fewer rules than declared',
    { loaded: [loaded('general', {}), loaded('keybuzz', {})] },
    'failed',
    /not loaded: monitoring-keybuzz/,
  ],
  [
    'k3s.monitoring-rules',
    'a rule that cannot be evaluated',
    {
      loaded: [
        loaded('general', {}),
        loaded('keybuzz', {}, { name: 'B', health: 'err', lastError: 'many-to-many' }),
      ],
    },
    'failed',
    /B: many-to-many/,
  ],
  [
    'k3s.monitoring-rules',
    'an alert about what K3s does not have',
    { loaded: [loaded('general', {}), loaded('keybuzz', {}, { name: 'KubeSchedulerDown' })] },
    'failed',
    /KubeSchedulerDown can only fire/,
  ],
  [
    'k3s.monitoring-rules',
    'an object the operator rejects, while those of the kit are loaded',
    { rejected: '1' },
    'warning',
    /not the kit’s: the operator rejects 1 objects/,
  ],
  [
    'k3s.monitoring-rules',
    'a rule of a team that the operator dropped',
    { rules: [rule('general', 'Watchdog'), rule('keybuzz', 'A', 'B'), rule('team', 'T')] },
    'warning',
    /not the kit’s: not loaded: monitoring-team-uid-team\.yaml/,
  ],
  [
    'k3s.monitoring-rules',
    'a rule of a team that cannot be evaluated',
    {
      rules: [rule('general', 'Watchdog'), rule('keybuzz', 'A', 'B'), rule('team', 'T')],
      loaded: [
        loaded('general', {}),
        loaded('keybuzz', {}, {}),
        loaded('team', { name: 'T', health: 'err', lastError: 'many-to-many' }),
      ],
    },
    'warning',
    /not the kit’s: T: many-to-many/,
  ],
  ['k3s.monitoring-rules', 'no rules', { rules: [], loaded: [] }, 'failed', /no PrometheusRules/],
  [
    'k3s.monitoring-configuration',
    'a configuration read before the newest was written',
    { written: '2026-11-30T10:01:00Z' },
    'failed',
    /before the newest was written/,
  ],
  [
    'k3s.monitoring-configuration',
    'a configuration that was refused',
    { info: { reloadConfigSuccess: false } },
    'failed',
    /refused its newest/,
  ],
  [
    'k3s.monitoring-configuration',
    'another retention',
    { info: { storageRetention: '15d' } },
    'failed',
    /keeps 15d, wanted is 15d or 8GB/,
  ],
  [
    'k3s.monitoring-configuration',
    'a monitor it does not scrape',
    { pools: ['serviceMonitor/monitoring/node-exporter/0'] },
    'failed',
    /not scraped: serviceMonitor\/monitoring\/kubelet\/0/,
  ],
  [
    'k3s.monitoring-configuration',
    'a monitor and a rule of a team, which Prometheus does not take',
    {
      monitors: [monitor('node-exporter', 1), monitor('kubelet', 2), monitor('team', 1, {})],
      rules: [rule('general', 'Watchdog'), rule('keybuzz', 'A', 'B'), rule('team', 'T')],
    },
    'warning',
    /not the kit’s, not scraped: serviceMonitor\/monitoring\/team\/0; rules not loaded: monitoring-team-/,
  ],
  [
    'k3s.monitoring-configuration',
    'a rule of the kit that is not loaded',
    { loaded: [loaded('general', {})] },
    'failed',
    /^rules not loaded: monitoring-keybuzz/,
  ],
  [
    'k3s.monitoring-configuration',
    'a Secret that holds no configuration',
    { configuration: 'a: text' },
    'failed',
    /has not read a configuration: its Secret has none/,
  ],
  [
    'k3s.monitoring-configuration',
    'an Alertmanager with the receivers before',
    { receivers: ['operators-00000000'] },
    'failed',
    /Alertmanager has not read nobody-/,
  ],
  ['k3s.monitoring-configuration', 'an answer that is none', { text: '<html>' }, 'failed', /gives no JSON/],
  [
    'k3s.monitoring-configuration',
    'an answer of another shape',
    { text: '{"data":{}}' },
    'failed',
    /is missing/,
  ],
  [
    'k3s.monitoring-storage',
    'history in an emptyDir',
    {
      pods: {
        'prometheus-monitoring-prometheus-0': keeper('prometheus-monitoring-prometheus-0', '/prometheus', {
          emptyDir: {},
        }),
      },
    },
    'failed',
    /\/prometheus of prometheus-monitoring-prometheus-0 is in an emptyDir: it is lost with the pod/,
  ],
  [
    'k3s.monitoring-storage',
    'a claim that is not bound',
    { claims: [claim(history, '10Gi'), claim('grafana', '2Gi', 'Pending')] },
    'failed',
    /not bound: grafana/,
  ],
  [
    'k3s.monitoring-storage',
    'more history than its volume holds',
    { claims: [claim(history, '8Gi')] },
    'failed',
    /may fill 8 GiB of a volume of 8 GiB/,
  ],
  [
    'k3s.monitoring-storage',
    'history without a limit',
    { prometheus: { ...resource('Prometheus', 'monitoring-prometheus', {}), spec: {} } },
    'failed',
    /may fill its whole volume/,
  ],
  [
    'k3s.monitoring-storage',
    'blocks beyond the limit',
    { bytes: String(12 * 2 ** 30) },
    'warning',
    /more than it may keep/,
  ],
  [
    'k3s.monitoring-grafana',
    'a database that is broken',
    { health: '{"database": "failing"}' },
    'failed',
    /its database is not ok/,
  ],
  [
    'k3s.monitoring-grafana',
    'the password of another day',
    { login: new KitError('401', { exitCode: exitCodes.rolloutFailed }) },
    'failed',
    /cannot sign in with GRAFANA_PASSWORD/,
  ],
  [
    'k3s.monitoring-grafana',
    'a public name that leads elsewhere',
    { settings: { GRAFANA_HOST: 'grafana.example.com' }, page: 404 },
    'failed',
    /grafana\.example\.com\/login 404/,
  ],
]

for (const [id, what, world, result, evidence] of wrong) {
  test(`${id}: ${what}`, async () => {
    const outcome = await outcomeOf(id, world)
    assert.equal(outcome?.result, result, outcome?.evidence)
    assert.match(outcome?.evidence ?? '', evidence)
    assert.doesNotMatch(outcome?.evidence ?? '', /a-grafana-password/)
  })
}

test('how Grafana gets its password: by a line that can be pasted, with the password in no argument', () => {
  const { fix } = monitoring.find(({ id }) => id === 'k3s.monitoring-grafana') as (typeof monitoring)[number]
  const [secret] = monitoringObjects(toolsOf({}).settings).filter(
    ({ metadata }) => metadata?.name === 'grafana-admin',
  )
  assert.ok('GRAFANA_PASSWORD' in ((secret as Secret).data ?? {}))
  assert.match(
    fix,
    /: kubectl -n monitoring get secret grafana-admin -o 'jsonpath=\{\.data\.GRAFANA_PASSWORD\}' \| base64 -d \| kubectl [^|]* exec -i [^|]* reset-admin-password --password-from-stdin$/,
  )
})

test('every check of the monitoring has a test that makes it fail', () => {
  const covered = new Set(wrong.filter(([, , , result]) => result === 'failed').map(([id]) => id))
  assert.deepEqual(
    monitoring.map(({ id }) => id).filter((id) => !covered.has(id)),
    [],
  )
})

test('a resource of which nothing is told yet is not ready', () => {
  const bare = { ...prometheus({}), status: {} }
  assert.match(unreconciled('Prometheus', bare), /Reconciled not told yet/)
  assert.equal(unreconciled('Prometheus', prometheus({})), '')
})

test('a pod is written to once for each state the operator wrote, and not at all when it is current', async () => {
  const set: Manifest[] = []
  const tools = toolsOf({ written: '2026-11-30T10:01:00Z' })
  const versionsOf = { now: '1' }
  const kube = {
    ...tools.kube,
    get: (_kind: string, name: string) =>
      Promise.resolve({ metadata: { name, resourceVersion: versionsOf.now } }),
    setFields: (fields: readonly Manifest[]) => Promise.resolve(void set.push(...fields)),
  } as unknown as Kube
  const condition = configurationIsCurrent(kube)
  assert.match(await condition.missing(), /before the newest was written/)
  await condition.missing()
  assert.deepEqual(
    set.map(({ metadata }) => [metadata?.name, metadata?.annotations?.['keybuzz.io/refresh']]),
    [
      ['prometheus-monitoring-prometheus-0', '1-1-1'],
      ['alertmanager-monitoring-alertmanager-0', '1-1-1'],
    ],
  )
  versionsOf.now = '2'
  await condition.missing()
  assert.equal(set.length, 4)
  const right = toolsOf({}).kube
  const current = { ...right, setFields: () => assert.fail('nothing is to be set') } as unknown as Kube
  assert.equal(await configurationIsCurrent(current).missing(), '')
  assert.equal(set.length, 4)
})

test('a pod that its StatefulSet is replacing is not written to; one that goes meanwhile is waited for', async () => {
  const set: string[] = []
  const outdatedKube = toolsOf({ written: '2026-11-30T10:01:00Z' }).kube
  let there = ['prometheus-monitoring-prometheus-0']
  let exitCode: 5 | 9 | undefined
  const kube = {
    ...outdatedKube,
    get: (kind: string, name: string, namespace: string) =>
      kind === 'pods' && !there.includes(name)
        ? Promise.resolve(undefined)
        : outdatedKube.get(kind, name, namespace),
    setFields: (fields: readonly Manifest[]) => {
      set.push(fields.map(({ metadata }) => metadata?.name).join(' '))
      return exitCode === undefined ? Promise.resolve() : Promise.reject(new KitError('it', { exitCode }))
    },
  } as unknown as Kube
  await configurationIsCurrent(kube).missing()
  assert.deepEqual(set, ['prometheus-monitoring-prometheus-0'])
  there = []
  assert.match(await configurationIsCurrent(kube).missing(), /before the newest/)
  assert.equal(set.length, 1)
  there = ['prometheus-monitoring-prometheus-0']
  exitCode = 9
  const condition = configurationIsCurrent(kube)
  await condition.missing()
  // Not taken for done: asked for again.
  await condition.missing()
  assert.equal(set.length, 3)
  exitCode = 5
  await assert.rejects(condition.missing(), { exitCode: 5 })
})

test('history is compared by what it means: Prometheus writes two weeks for 14 days', () => {
  for (const [told, wanted] of [
    ['2w or 8GiB', '14d or 8GB'],
    ['1y or 1TiB576GiB', '365d or 1600GB'],
    ['15d or 8GiB', '15d or 8GB'],
  ] as const)
    assert.deepEqual(historyOf(told), historyOf(wanted), told)
  assert.notDeepEqual(historyOf('15d'), historyOf('15d or 8GB'))
  assert.notDeepEqual(historyOf('20d or 8GiB'), historyOf('15d or 8GB'))
})

test('the receiver is read out of what the kit itself writes', () =>
  assert.equal(receiverIn(configured(configuration)), receiver))

test('after a rollback the checks wait until it is read, and are about what lies there, not what settings say', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const prometheus = resource('Prometheus', 'monitoring-prometheus', {})
  const live = { ...prometheus, spec: { retention: '20d', retentionSize: '16GB' } }
  const others = {
    prometheus: live,
    claims: [claim(history, '20Gi')],
    configuration: 'route:\n  receiver: operators-1\n',
    receivers: ['operators-1'],
  }
  const [before, after] = [
    toolsOf({ ...others, loaded: [], receivers: [] }),
    toolsOf({ ...others, info: { storageRetention: '20d or 16GiB' } }),
  ]
  let isRead = false
  const raw = (path: string) => (isRead ? after : before).kube.raw(path)
  const running = runChecks(monitoring, { ...after, kube: { ...after.kube, raw } })
  const pausing = setInterval(() => {
    isRead = true
    context.mock.timers.tick(5000)
  }, 5)
  const outcomes = await running
  clearInterval(pausing)
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
})

test('while a Service has no pod that answers, the wait goes on; a lost API server ends it', async () => {
  const tools = toolsOf({})
  const answering = (exitCode: 6 | 9) =>
    ({
      ...tools.kube,
      get: () => Promise.resolve(undefined),
      setFields: () => Promise.resolve(),
      raw: () => Promise.reject(new KitError('no endpoints available', { exitCode })),
    }) as unknown as Kube
  assert.match(await configurationIsCurrent(answering(9)).missing(), /no endpoints/)
  await assert.rejects(configurationIsCurrent(answering(6)).missing())
})
