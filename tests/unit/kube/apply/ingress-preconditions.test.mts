import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRivals, refusingRivals } from '../../../../lib/checks/rivals.mts'
import type { Http } from '../../../../lib/checks/http.mts'
import { rivalsOf, rivalText } from '../../../../lib/kube/ingress-rivals.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import { missingBuffer, requireFreeAddresses } from '../../../../lib/kube/apply/ingress-preconditions.mts'
import { limitedBody, published } from '../../../../lib/kube/manifests/ingress.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { ingress as kitIngress } from '../../../../scripts/09_k3s/ingress/manifests.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import type { KubeSession } from '../../../../lib/kube/apply/kube.mts'

const ingress = (namespace: string, host: string | undefined, ...paths: string[]): LiveObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { namespace, name: 'n8n' },
  spec: {
    rules: [{ ...(host === undefined ? {} : { host }), http: { paths: paths.map((path) => ({ path })) } }],
  },
})

const rivals = (wanted: LiveObject[], live: LiveObject[]) =>
  rivalsOf(wanted, live).map((one) => `${one.isSame ? 'same' : 'part'}: ${rivalText(one)}`)

test('the same host and path in another Ingress is a rival, and so is a part of it; both are named', () => {
  const wanted = [ingress('n8n-green', 'n8n.example.com', '/', '/webhook')]
  assert.deepEqual(rivals(wanted, [ingress('n8n-blue', 'n8n.example.com', '/docs', '/webhook')]), [
    'same: n8n.example.com/webhook is answered by Ingress n8n-blue/n8n too',
    'part: n8n.example.com/docs is answered by Ingress n8n-blue/n8n too',
  ])
})

test('a host name that another Ingress has as an alias is ours: a controller leaves an alias out that is a host', () => {
  const aliased = (alias: string) => {
    const one = ingress('n8n-blue', 'n8n.blue.example.com', '/webhook')
    return {
      ...one,
      metadata: { ...one.metadata, annotations: { 'nginx.ingress.kubernetes.io/server-alias': alias } },
    }
  }
  const wanted = [ingress('n8n-green', 'n8n.example.com', '/')]
  for (const alias of ['n8n.example.com', 'a.example.com,n8n.example.com'])
    assert.deepEqual(rivals(wanted, [aliased(alias)]), [])
})

test('another host, another class, the very same object, and a path beside ours are none', () => {
  const wanted = [ingress('n8n-green', 'n8n.example.com', '/webhook')]
  const ofClass = (name: string, one: LiveObject) => ({
    ...one,
    spec: { ...(one['spec'] as object), ingressClassName: name },
  })
  const others = [
    ingress('n8n-blue', 'n8n.blue.example.com', '/webhook'),
    ingress('other', 'n8n.example.com', '/webhooks'),
    ingress('other', 'n8n.example.com', '/'),
    ingress('any', undefined, '/webhook'),
    ingress('n8n-green', 'n8n.example.com', '/webhook'),
  ]
  assert.deepEqual(rivals(wanted, others), [])
  const theirs = ingress('n8n-blue', 'n8n.example.com', '/webhook')
  assert.deepEqual(rivals([ofClass('nginx', wanted[0] as LiveObject)], [ofClass('traefik', theirs)]), [])
  assert.equal(rivals([ofClass('nginx', wanted[0] as LiveObject)], [theirs]).length, 1)
})

test('what cert-manager has for a challenge is none; its label alone hides no other path', () => {
  const wanted = [ingress('n8n-green', 'n8n.example.com', '/')]
  const solver = (...paths: string[]): LiveObject => {
    const one = ingress('n8n-green', 'n8n.example.com', ...paths)
    const labels = { 'acme.cert-manager.io/http01-solver': 'true' }
    return { ...one, metadata: { ...one.metadata, name: 'cm-acme-http-solver-x', labels } }
  }
  assert.deepEqual(rivals(wanted, [solver('/.well-known/acme-challenge/token')]), [])
  assert.equal(rivals(wanted, [solver('/.well-known/acme-challenge/token', '/docs')]).length, 2)
})

/** A session of a module whose revisions name some of the Ingresses of the cluster. */
const sessionOf = (recorded: readonly LiveObject[], live: readonly LiveObject[]) =>
  ({
    reader: { list: () => Promise.resolve(live) },
    recorded: () => Promise.resolve(recorded),
  }) as unknown as KubeSession

/** A session on a cluster with these Ingresses. */
const session = (...live: LiveObject[]) => sessionOf([], live)

test('asked before any write: exit 5 for our address, also when it is ours already; a part is a warning', async (t) => {
  const ours = ingress('n8n-green', 'n8n.example.com', '/')
  await assert.rejects(
    requireFreeAddresses(session(ours, ingress('n8n-blue', 'n8n.example.com', '/')), [ours]),
    {
      exitCode: 5,
      hint: /kubectl --namespace n8n-blue delete ingress n8n/,
    },
  )
  let screen = ''
  t.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
  await requireFreeAddresses(session(ours, ingress('docs', 'n8n.example.com', '/docs')), [ours])
  t.mock.restoreAll()
  assert.match(screen, /n8n\.example\.com\/docs is answered by Ingress docs\/n8n too/)
})

test('an object of the module itself that gets another name hands its host on; a copy nobody recorded does not', async () => {
  const before = ingress('llm', 'ai.example.com', '/')
  const renamed = { ...before, metadata: { ...before.metadata, name: 'ai-agent' } }
  await requireFreeAddresses(sessionOf([before], [before]), [renamed])
  await assert.rejects(requireFreeAddresses(sessionOf([], [before]), [renamed]), { exitCode: 5 })
})

test('a host of another module of the kit is refused whatever the paths are; an operator’s own Ingress is not', async (t) => {
  t.mock.method(process.stderr, 'write', () => true)
  const labels = {
    'app.kubernetes.io/managed-by': 'keybuzz',
    'keybuzz.io/module': '13_superset',
    'keybuzz.io/env': 'staging',
  }
  const ofModule = (one: LiveObject) => ({ ...one, metadata: { ...one.metadata, labels } })
  const [ours, theirs] = [
    ingress('llm', 'a.example.com', '/v1', '/chat'),
    ingress('superset', 'a.example.com', '/'),
  ]
  for (const [wanted, live] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    await assert.rejects(requireFreeAddresses(session(ofModule(live)), [wanted]), {
      exitCode: 5,
      message: `a.example.com belongs to module 13_superset of staging: Ingress ${live.metadata.namespace}/n8n has it`,
      hint: /credentials\/staging\/13_superset\.env/,
    })
    await requireFreeAddresses(session(live), [wanted])
  }
  await requireFreeAddresses(session(ofModule(ingress('superset', 'b.example.com', '/'))), [ours])
})

test('while another Ingress answers by the public name, nothing is asked there: exit 5 at once', async () => {
  const ours = ingress('n8n-green', 'n8n.example.com', '/')
  let [asked, looked] = [0, 0]
  const http = (...live: LiveObject[]) =>
    refusingRivals({ ask: () => Promise.resolve(void (asked += 1)) } as unknown as Http, () => {
      looked += 1
      return findRivals(session(...live).reader as unknown as KubeReader, [ours])
    })
  const whole = http(ours, ingress('n8n-blue', 'n8n.example.com', '/'))
  await assert.rejects(whole.ask('n8n.example.com', '/rest/settings'), { exitCode: 5 })
  await assert.rejects(whole.ask('n8n.example.com', '/healthz'), { message: /Ingress n8n-blue/ })
  assert.deepEqual([asked, looked], [0, 1])
  await whole.ask('other.example.com', '/')
  const part = http(ours, ingress('hooks', 'n8n.example.com', '/webhook'))
  await assert.rejects(part.ask('n8n.example.com', '/webhook/a?x=1'), { exitCode: 5 })
  await part.ask('n8n.example.com', '/webhooks')
  assert.equal(asked, 2)
})

test('an Ingress that limits requests waits for an ingress with a writable /tmp: exit 3 with the command, once', async () => {
  const settings = { INGRESS_CLASS: 'nginx', INGRESS_HEALTH_PATH: '/healthz', TRUSTED_PROXIES: '' }
  const daemon = kitIngress({ ...settings, INGRESS_NODE_PORT: 0 } as K3sSettings, {
    traefik: 'traefik:1',
  }).find(({ kind }) => kind === 'DaemonSet') as LiveObject
  daemon.metadata.labels = {
    ...daemon.metadata.labels,
    'keybuzz.io/module': '09_k3s',
    'keybuzz.io/env': 'prod',
  }
  const older = structuredClone(daemon)
  const spec = older['spec'] as { template: { spec: { containers: { volumeMounts: unknown[] }[] } } }
  spec.template.spec.containers[0]?.volumeMounts.pop()
  const wanted = (annotations: Record<string, string>) =>
    published({
      namespace: 'keybuzz',
      name: 'keybuzz-api',
      host: 'api.example.com',
      ingressClass: 'nginx',
      paths: [['/', 'keybuzz-api', 80]],
      annotations,
      tls: undefined,
    })
  const asked: unknown[] = []
  const on = (found: LiveObject[], live: unknown[] = []) =>
    ({
      objects: () => Promise.resolve(live),
      reader: { list: (...words: unknown[]) => (asked.push(words), Promise.resolve(found)) },
    }) as unknown as KubeSession
  const limited = wanted(limitedBody('50m'))
  const error = await missingBuffer(on([older]), limited)
  assert.equal(error?.exitCode, 3)
  assert.match(error.message, /^DaemonSet ingress\/traefik has no writable \/tmp/)
  assert.equal(error.hint, './00_master_install.mjs --module 9 --env prod')
  assert.equal(await missingBuffer(on([daemon]), limited), undefined)
  assert.equal(await missingBuffer(on([]), limited), undefined, 'an ingress of somebody else')
  assert.equal(asked.length, 3)
  await missingBuffer(on([older], limited), limited)
  await missingBuffer(on([older]), wanted({ 'proxy-body-size': '50m' }))
  assert.equal(asked.length, 3, 'not asked for what is live already, nor for what is not kept')
})
