import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { exitCodes, KitError, type ExitCode } from '../../../../lib/base/errors.mts'
import { helmOf } from '../../../../lib/kube/helm.mts'
import { createRecordCheck } from '../../../../lib/state/revision.mts'
import { nameOf, type LiveObject, type Manifest, type Secret } from '../../../../lib/kube/types.mts'
import type { Setting } from '../../../../lib/settings/settings.mts'
import { readVersions } from '../../../../lib/settings/versions.mts'
import { openingsOf, rulesFor } from '../../../../scripts/09_k3s/host/openings.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { alertmanagerConfig } from '../../../../scripts/09_k3s/monitoring/alertmanager.mts'
import {
  renderMonitoring,
  requireChart,
  requireSameChart,
} from '../../../../scripts/09_k3s/monitoring/chart.mts'
import { requireSound } from '../../../../scripts/09_k3s/monitoring/judge.mts'
import {
  monitoringImages,
  secrets,
  type MonitoringImages,
} from '../../../../scripts/09_k3s/monitoring/names.mts'
import { etcdMembers, monitoringObjects } from '../../../../scripts/09_k3s/monitoring/objects.mts'
import { ownRules } from '../../../../scripts/09_k3s/monitoring/rules.mts'
import { monitoringLines, monitoringNotProven } from '../../../../scripts/09_k3s/monitoring/texts.mts'
import { chartValues, retentionGib } from '../../../../scripts/09_k3s/monitoring/values.mts'
import { receiversProblem, readReceivers } from '../../../../scripts/09_k3s/settings-receivers.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { settingsOf } from '../rendered.mts'

// What the monitoring is made of. With the real chart, where PRACTICE_PARTS has it and there is a helm.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-monitoring-'))
after(() => rmSync(folder, { recursive: true }))

const receivers = `mail:
  to: [ops@example.com, night@example.com]
  from: monitoring@example.com
  server: smtp.example.com:587
  user: monitoring
  password: a-mail-password
slack: { url: 'https://hooks.slack.example.com/services/a-slack-token', channel: '#alerts' }
webhook: { url: 'https://hooks.example.com/a-webhook-token' }
watchdog: { url: 'https://ping.example.com/a-watchdog-token' }
`
const on = { MONITORING: 'true', GRAFANA_PASSWORD: 'a-grafana-password', RECEIVERS_YML: receivers }
const settings = (more: Record<string, string> = {}): K3sSettings =>
  settingsOf(k3s, { ...on, ...more }) as K3sSettings
const { versions } = readVersions('none')
const images = Object.fromEntries(
  monitoringImages.map((name) => [name, versions[name]?.image ?? '']),
) as MonitoringImages
const words = [
  'a-mail-password',
  'a-slack-token',
  'a-webhook-token',
  'a-watchdog-token',
  'a-grafana-password',
]
const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) =>
  thrown instanceof KitError && thrown.exitCode === exitCode && message.test(thrown.message)

test('values say nothing that is secret, and are the same each time', () => {
  const text = JSON.stringify(chartValues({ settings: settings(), images }))
  for (const word of words) assert.ok(!text.includes(word), word)
  assert.equal(text, JSON.stringify(chartValues({ settings: settings(), images })))
})

test('values follow the settings: history, its size, the public name, the account of a registry', () => {
  const { prometheus, grafana } = chartValues({
    settings: settings({ MONITORING_DAYS: '30', MONITORING_GIB: '50', GRAFANA_HOST: 'grafana.example.com' }),
    images,
  })
  const { retention, retentionSize, storageSpec } = prometheus.prometheusSpec
  assert.deepEqual(
    [retention, retentionSize, storageSpec.volumeClaimTemplate.spec.resources.requests.storage],
    ['30d', '40GB', '50Gi'],
  )
  assert.deepEqual(grafana['grafana.ini'].server, { root_url: 'https://grafana.example.com' })
  assert.equal('global' in chartValues({ settings: settings(), images }), false)
  const registry = { REGISTRY_SERVER: 'r.example.com', REGISTRY_USER: 'u', REGISTRY_PASSWORD: 'a-password' }
  assert.deepEqual(chartValues({ settings: settings(registry), images }).global, {
    imagePullSecrets: [{ name: 'registry' }],
  })
})

test('what Prometheus may fill is always less than its volume', () => {
  for (let gib = 2; gib < 200; gib += 1) assert.ok(retentionGib(gib) >= 1 && retentionGib(gib) < gib)
})

test('images go into the values in the form each chart wants, digests too; the program’s version is the image’s', () => {
  const digest = 'f'.repeat(64)
  const {
    prometheus,
    'prometheus-node-exporter': node,
    'kube-state-metrics': state,
    grafana,
  } = chartValues({
    settings: settings(),
    images: {
      ...images,
      prometheus: `localhost:5000/a/prometheus:v3.16.0-x@sha256:${digest}`,
      'node-exporter': `quay.io/b/node:v1.12.1@sha256:${digest}`,
      'kube-state-metrics': `registry.k8s.io/c/ksm:v2.20.0@sha256:${digest}`,
      grafana: 'grafana/grafana:13.2.0',
    },
  })
  const { image, version } = prometheus.prometheusSpec
  assert.deepEqual(image, {
    registry: 'localhost:5000',
    repository: 'a/prometheus',
    tag: 'v3.16.0-x',
    sha: digest,
  })
  assert.equal(version, 'v3.16.0')
  assert.equal(node.image.digest, `sha256:${digest}`)
  assert.equal(state.image.sha, `sha256:${digest}`)
  assert.deepEqual(grafana.image, {
    registry: 'docker.io',
    repository: 'grafana/grafana',
    tag: '13.2.0',
    sha: '',
  })
})

test('Alertmanager gets no password: files of a Secret have them, and each is named where it is used', () => {
  const { text, receiver } = alertmanagerConfig(readReceivers(receivers))
  for (const word of words) assert.ok(!text.includes(word), word)
  const config = parse(text) as {
    global: Record<string, unknown>
    route: { receiver: string; routes: { receiver: string; matchers: string[] }[] }
    receivers: { name: string; [kind: string]: unknown }[]
  }
  const path = '/etc/alertmanager/secrets/alertmanager-receivers'
  assert.equal(config.global['smtp_auth_password_file'], `${path}/mail-password`)
  const first = config.receivers.find(({ name }) => name === receiver)
  assert.deepEqual(first?.['email_configs'], [
    { to: 'ops@example.com', send_resolved: true },
    { to: 'night@example.com', send_resolved: true },
  ])
  assert.deepEqual(first?.['slack_configs'], [
    { api_url_file: `${path}/slack-url`, send_resolved: true, channel: '#alerts' },
  ])
  assert.deepEqual(first?.['webhook_configs'], [{ url_file: `${path}/webhook-url`, send_resolved: true }])
  assert.deepEqual(
    config.route.routes.map((route) => [route.matchers[0], route.receiver]),
    [
      ['alertname="InfoInhibitor"', 'nobody'],
      ['alertname="Watchdog"', 'watchdog'],
    ],
  )
  const names = config.receivers.map(({ name }) => name)
  for (const used of [config.route.receiver, ...config.route.routes.map((route) => route.receiver)])
    assert.ok(names.includes(used), used)
})

test('the first receiver’s name tells one configuration from another; a new password is none', () => {
  const nameOfFirst = (content: string) => alertmanagerConfig(readReceivers(content)).receiver
  assert.match(nameOfFirst(receivers), /^operators-[0-9a-f]{8}$/)
  assert.notEqual(nameOfFirst(receivers), nameOfFirst(receivers.replace('ops@', 'other@')))
  assert.equal(nameOfFirst(receivers), nameOfFirst(receivers.replace('a-mail-password', 'another')))
  assert.match(alertmanagerConfig(undefined).receiver, /^nobody-/)
})

for (const [what, content, problem] of [
  ['nobody', 'watchdog: { url: "https://a.example.com" }\n', /names nobody/],
  ['a misspelt key', 'male: {}\n', /did you mean mail/],
  [
    'an account without a password',
    receivers.replace(/ {2}password.*\n/, ''),
    /user and password belong together/,
  ],
  ['mail to nobody', receivers.replace(/to: .*/, 'to: []'), /has no address/],
  ['a server without a port', receivers.replace(':587', ''), /mail\.server must be host:port/],
  [
    'an address that is none',
    receivers.replace('https://hooks.example.com/', 'hooks '),
    /webhook\.url must be/,
  ],
  [
    'a channel that YAML reads as a comment',
    receivers.replace("'#alerts'", '"a b"'),
    /slack\.channel must be/,
  ],
  ['no YAML', 'mail: [\n', /receivers\.yml:\d+:\d+/],
] as const) {
  test(`receivers: ${what} is refused, and no password is told`, () => {
    const seen = receiversProblem(content) ?? ''
    assert.match(seen, problem)
    assert.ok(!words.some((word) => seen.includes(word)))
  })
}
test('receivers that are right have no problem', () => assert.equal(receiversProblem(receivers), undefined))

test('monitoring that is off has no objects, says so in reports, and installs no image', () => {
  const off = settings({ MONITORING: 'false' })
  assert.deepEqual(monitoringObjects(off), [])
  assert.deepEqual(monitoringLines(off), [])
  assert.match(monitoringNotProven(off).join(' '), /monitoring is off \(MONITORING=false\)/)
  assert.deepEqual(k3s.unusedImages(off), monitoringImages)
  assert.deepEqual(k3s.unusedImages(settings()), [])
  assert.deepEqual(k3s.notShown(off), [])
  assert.match(k3s.notShown(settings()).join(' '), /kube-prometheus-stack are not shown/)
  assert.ok(!openingsOf(off).some(({ what }) => what.startsWith('metrics of')))
})

test('the account of a registry is proven by an application’s image, never by the monitoring’s, which need none', () => {
  const provenAt = (REGISTRY_SERVER: string, MONITORING: string): string | undefined => {
    const account = { REGISTRY_SERVER, REGISTRY_USER: 'puller', REGISTRY_PASSWORD: 'a-password' }
    const chosen = settings({ ...account, MONITORING })
    const made = k3s.objects(chosen, { ...images, traefik: 'traefik:1', probe: 'probe:1' }, versions)
    return /"reference":"([^"]*)"/.exec(JSON.stringify(made['06_deploy_core_apps']))?.[1]
  }
  for (const on of ['true', 'false']) {
    assert.equal(provenAt('ghcr.io', on), versions['litellm']?.image)
    assert.equal(provenAt('docker.io', on), versions['traefik']?.image)
    assert.equal(provenAt('quay.io', on), undefined)
    assert.equal(provenAt('registry.k8s.io', on), undefined)
  }
})

const dataOf = (objects: readonly Manifest[], name: string) =>
  (objects.find(({ metadata }) => metadata?.name === name) as Secret | undefined)?.data ?? {}

test('the kit’s own Secrets: Grafana’s password, and the receivers’ by file; a lost file is restored from them', () => {
  const objects = monitoringObjects(settings())
  const clear = (text = '') => Buffer.from(text, 'base64').toString()
  assert.equal(clear(dataOf(objects, secrets.grafana)['GRAFANA_PASSWORD']), 'a-grafana-password')
  const files = dataOf(objects, secrets.receivers)
  assert.equal(clear(files['mail-password']), 'a-mail-password')
  assert.equal(clear(files['RECEIVERS_YML']), receivers)
  const without = settingsOf(k3s, {
    MONITORING: 'true',
    GRAFANA_PASSWORD: 'a-grafana-password',
  }) as K3sSettings
  assert.deepEqual(dataOf(monitoringObjects(without), secrets.receivers), {})
  assert.deepEqual(chartValues({ settings: without, images }).alertmanager.alertmanagerSpec.secrets, [])
  assert.match(monitoringNotProven(without).join(' '), /none is sent/)
})

test('Grafana is behind the Ingress when it has a public name, with the certificate of TLS_MODE', () => {
  const kinds = (more: Record<string, string>) => monitoringObjects(settings(more)).map(({ kind }) => kind)
  assert.ok(!kinds({}).includes('Ingress'))
  const named = monitoringObjects(
    settings({ GRAFANA_HOST: 'grafana.example.com', TLS_MODE: 'issuer', TLS_ISSUER: 'x' }),
  )
  const ingress = named.find(({ kind }) => kind === 'Ingress') as { spec?: { rules?: { host?: string }[] } }
  assert.equal(ingress.spec?.rules?.[0]?.host, 'grafana.example.com')
  assert.match(JSON.stringify(ingress), /cluster-issuer":"x"/)
})

test('a certificate of Grafana is wanted only where it is public and TLS ends at the Ingress', () => {
  const wants = (values: Record<string, string>) => {
    const view = { env: 'dev', text: (key: string) => values[key] }
    const all: readonly Setting[] = k3s.settings
    return all.find(({ key }) => key === 'GRAFANA_TLS_CRT')?.when?.(view)
  }
  assert.equal(wants({ MONITORING: 'true', TLS_MODE: 'files' }), false)
  assert.equal(wants({ MONITORING: 'false', TLS_MODE: 'files', GRAFANA_HOST: 'g' }), false)
  assert.equal(wants({ MONITORING: 'true', TLS_MODE: 'issuer', GRAFANA_HOST: 'g' }), false)
  assert.equal(wants({ MONITORING: 'true', TLS_MODE: 'files', GRAFANA_HOST: 'g' }), true)
})

test('the firewall lets each node to the metrics of the others, and workers to those of etcd, once', () => {
  const host = (name: string, role: 'master' | 'worker', address: string) =>
    ({ name, role, address }) as never
  const members = [
    host('m', 'master', '10.0.0.1'),
    host('n', 'master', '10.0.0.2'),
    host('w', 'worker', '10.0.0.9'),
  ]
  const rules = rulesFor({ address: '10.0.0.1', role: 'master' }, members, settings())
  const from = (source: string) =>
    rules.find((rule) => rule.source === source && rule.protocol === 'tcp')?.ports
  assert.deepEqual(from('10.0.0.9'), ['80', '443', '2381', '6443', '9100', '10250'])
  assert.deepEqual(from('10.0.0.2'), ['80', '443', '2379-2381', '6443', '9100', '10250'])
})

const node = (name: string, address: string, server: boolean): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: server ? { 'node-role.kubernetes.io/control-plane': 'true' } : {} },
  status: { addresses: [{ type: 'InternalIP', address }] },
})

test('etcd is asked at the address of each server, whatever order the nodes come in', () => {
  const nodes = [node('b', '10.0.0.2', true), node('w', '10.0.0.9', false), node('a', '10.0.0.1', true)]
  const slice = etcdMembers(nodes)
  assert.deepEqual(slice, etcdMembers(nodes.toReversed()))
  const { endpoints } = slice as unknown as { endpoints: { addresses: string[] }[] }
  assert.deepEqual(
    endpoints.map(({ addresses }) => addresses[0]),
    ['10.0.0.1', '10.0.0.2'],
  )
})

test('alerts of the kit’s own: certificates, validations, snapshots, by metrics that K3s and kube-state-metrics have', () => {
  const text = JSON.stringify(ownRules())
  for (const metric of [
    'k3s_certificate_expiration_seconds',
    'kube_lease_renew_time',
    'k3s_etcd_snapshot_save_duration_seconds_count',
    'process_start_time_seconds',
  ])
    assert.ok(text.includes(metric), metric)
  for (const [alert, number] of [
    ['KeyBuzzCertificateEndsSoon', 21 * 86_400],
    ['KeyBuzzValidationOld', 7 * 86_400],
    ['KeyBuzzSnapshotMissing', 86_400],
  ] as const) {
    const { spec } = ownRules() as unknown as {
      spec: { groups: { rules: { alert: string; expr: string }[] }[] }
    }
    const rule = spec.groups.flatMap(({ rules }) => rules).find((one) => one.alert === alert)
    assert.ok(rule?.expr.includes(String(number)), alert)
  }
})

const objectOf = (kind: string, name: string, more: object = {}) =>
  ({ apiVersion: 'v1', kind, metadata: { namespace: 'monitoring', name }, ...more }) as Manifest
const podOf = (spec: object) => ({ spec: { template: { spec } } })

for (const [what, chart, message] of [
  [
    'a Secret with values',
    [objectOf('Secret', 'a', { data: { x: 'eA==' } })],
    /Secret monitoring\/a would put its values/,
  ],
  [
    'a volume of a Secret nothing makes',
    [objectOf('Deployment', 'd', podOf({ volumes: [{ secret: { secretName: 'admission' } }] }))],
    /Deployment monitoring\/d needs Secret admission, which nothing makes/,
  ],
  [
    'a variable of one',
    [
      objectOf(
        'Deployment',
        'd',
        podOf({
          containers: [{ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'x', key: 'k' } } }] }],
        }),
      ),
    ],
    /needs Secret x/,
  ],
  [
    'variables of one',
    [objectOf('Deployment', 'd', podOf({ containers: [{ envFrom: [{ secretRef: { name: 'y' } }] }] }))],
    /needs Secret y/,
  ],
  [
    'an Alertmanager whose Secret is missing',
    [objectOf('Alertmanager', 'm', { spec: { secrets: ['z'] } })],
    /Secret z/,
  ],
  [
    'a reader of Secrets',
    [objectOf('Role', 'grafana', { rules: [{ apiGroups: [''], resources: ['configmaps', 'secrets'] }] })],
    /Role monitoring\/grafana may read Secrets/,
  ],
  [
    'a reader of everything',
    [objectOf('ClusterRole', 'x', { rules: [{ apiGroups: ['*'], resources: ['*'] }] })],
    /may read Secrets/,
  ],
] as const) {
  test(`a render with ${what} is refused before anything is applied`, () => {
    assert.throws(() => requireSound(chart, []), fails(exitCodes.preflight, message))
  })
}

test('what the kit makes beside the chart is there for it; the operator may read Secrets', () => {
  requireSound(
    [
      objectOf('ClusterRole', 'monitoring-operator', {
        rules: [{ apiGroups: [''], resources: ['secrets'] }],
      }),
      objectOf('Prometheus', 'p', { spec: { secrets: [] } }),
      objectOf('Alertmanager', 'm', {
        spec: { secrets: [secrets.receivers], configSecret: secrets.alertmanager },
      }),
      objectOf('Deployment', 'd', podOf({ volumes: [{ secret: { secretName: 'maybe', optional: true } }] })),
    ],
    monitoringObjects(settings()),
  )
})

const archive = join(folder, 'chart.tgz')
const entry = (more: object = {}) => ({
  'kube-prometheus-stack': {
    version: '88.5.3',
    image: 'ghcr.io/a/chart:88.5.3',
    chart: archive,
    sha256: createHash('sha256').update('a chart').digest('hex'),
    ...more,
  },
})

test('the chart is asked for before a host is: missing, another file, without a checksum, right', async () => {
  process.env['KEYBUZZ_HELM'] = '/bin/true'
  try {
    await assert.rejects(requireChart(entry()), (thrown) => {
      const { hint = '' } = thrown as KitError
      return (
        fails(exitCodes.preflight, /the chart of the monitoring is not on this machine/)(thrown) &&
        // What is pasted ends with the address: curl would take further words for further ones.
        /: curl --create-dirs -fLo \S+ https:\/\/\S+-88\.5\.3\.tgz$/.test(hint)
      )
    })
    writeFileSync(archive, 'another chart')
    await assert.rejects(
      requireChart(entry()),
      fails(exitCodes.trust, /is not the file versions\.json names/),
    )
    for (const sha256 of [undefined, 'none'])
      await assert.rejects(requireChart(entry({ sha256 })), (thrown) => {
        const { hint = '' } = thrown as KitError
        assert.doesNotMatch(hint, /amd64/)
        return (
          fails(exitCodes.trust, /has a chart and no checksum/)(thrown) &&
          hint.endsWith(`sha256sum ${archive}`)
        )
      })
    const sums = join(dirname(archive), 'SHA256SUMS')
    writeFileSync(
      sums,
      `${createHash('sha256').update('another chart').digest('hex')}  ${basename(archive)}\n`,
    )
    assert.equal((await requireChart(entry({ sha256: undefined }))).file, archive)
    rmSync(sums)
    writeFileSync(archive, 'a chart')
    assert.equal((await requireChart(entry())).file, archive)
  } finally {
    delete process.env['KEYBUZZ_HELM']
  }
})

test('an install keeps the installed chart: exit 5 names --upgrade', () => {
  requireSameChart(entry(), 'ghcr.io/a/chart:88.5.3', 'dev')
  assert.throws(
    () => requireSameChart(entry(), 'ghcr.io/a/chart:88.0.0', 'dev'),
    (thrown) =>
      fails(exitCodes.conflict, /88\.0\.0 is installed, versions\.json names .*88\.5\.3/)(thrown) &&
      /--upgrade/.test((thrown as KitError).hint ?? ''),
  )
})

const part = join(process.env['PRACTICE_PARTS'] ?? '/nowhere', 'kube-prometheus-stack-88.5.3.tgz')
const helm = process.env['KEYBUZZ_HELM'] ?? ''
const skip =
  existsSync(part) && existsSync(helm) ? false : 'needs the chart in PRACTICE_PARTS, and KEYBUZZ_HELM'

test(
  'the real chart: its images are those of versions.json, no secret is in it, and no component K3s lacks',
  { skip },
  async () => {
    const { objects, definitions } = await renderMonitoring(
      { file: part, sha256: 'of a run', helm: helmOf(helm) },
      { settings: settings({ GRAFANA_HOST: 'grafana.example.com' }), images, kubernetes: 'v1.36.3' },
    )
    assert.equal(definitions.length, 10)
    const text = JSON.stringify(objects)
    for (const word of words) assert.ok(!text.includes(word), word)
    assert.doesNotMatch(text, /KubeControllerManagerDown|KubeSchedulerDown|KubeProxyDown|windows/)
    const found = new Set(
      [...text.matchAll(/(?:"image":"|config-reloader=)([^"]+)/g)].map(([, image]) => image),
    )
    const { 'kube-prometheus-stack': _chart, ...programs } = images
    assert.deepEqual(found, new Set(Object.values(programs)))
    const kinds = new Set(objects.map(({ kind }) => kind))
    assert.ok(!kinds.has('Secret') && !kinds.has('Endpoints') && !kinds.has('Job'))
    // The token of Prometheus is sent neither to etcd nor to CoreDNS.
    for (const name of ['monitoring-kube-etcd', 'monitoring-coredns']) {
      const monitor = objects.find((one) => one.kind === 'ServiceMonitor' && one.metadata?.name === name)
      assert.doesNotMatch(JSON.stringify(monitor), /bearerTokenFile/)
    }
    // Everything of it but volumes and definitions is found again by the kit, which prunes it.
    const known = createRecordCheck([{ manifests: objects } as never])
    assert.ok(
      objects.every((one) => known(one as LiveObject)),
      objects.map(nameOf).join(),
    )
  },
)
