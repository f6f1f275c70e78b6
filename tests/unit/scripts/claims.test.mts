import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError } from '../../../lib/base/errors.mts'
import { folderOf } from '../../../lib/base/names.mts'
import { requireFreeAddresses } from '../../../lib/kube/apply/ingress-preconditions.mts'
import type { KubeSession } from '../../../lib/kube/apply/kube.mts'
import { owned } from '../../../lib/kube/apply/ownership.mts'
import { addressesOf } from '../../../lib/kube/ingress-rivals.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { applications, rendered, settingsOf } from './rendered.mts'

// What only one application may have: its public names, and its number of a Redis database.

/** The Ingresses of one, as they are in the cluster. */
const ingressesOf = (word: string, more: Record<string, string> = {}): LiveObject[] => {
  const module = applications[word]
  assert.ok(module, word)
  const owner = { module: folderOf(module), step: '02_configure_ingress', env: 'staging' }
  return (rendered[word]?.(more) ?? [])
    .filter(({ kind }) => kind === 'Ingress')
    .map((one) => owned(one, owner) as LiveObject)
}
const hostsOf = (ingresses: readonly LiveObject[]): string[] => [
  ...new Set(ingresses.flatMap((one) => addressesOf(one).map(({ host }) => host))),
]
const words = Object.keys(applications)
const hostKeys: Readonly<Record<string, string>> = {
  keybuzz: 'FRONT_HOST',
  chatwoot: 'CHATWOOT_HOST',
  n8n: 'N8N_HOST',
  superset: 'SUPERSET_HOST',
  llm: 'LITELLM_HOST',
}

test('without a setting for it, no two applications have one host or one Redis database', () => {
  const hosts = words.flatMap((word) => hostsOf(ingressesOf(word)))
  // The API and the front; LiteLLM and the AI service of these settings.
  assert.equal(hosts.length, words.length + 2)
  assert.equal(new Set(hosts).size, hosts.length, hosts.join(' '))
  const claims = Object.values(applications).map((module) => module.backends?.(settingsOf(module, {})).redis)
  const numbers = claims.map((claim) => claim?.database)
  assert.equal(new Set(numbers).size, words.length, numbers.join(' '))
  assert.ok(!numbers.includes(0))
  // By its owner a database is told from that of another application with the same number (backends/redis.test.mts).
  assert.equal(new Set(claims.map((claim) => claim?.owner)).size, words.length)
})

const refusal = async (wanted: readonly LiveObject[], live: readonly LiveObject[]): Promise<KitError> => {
  const session = {
    reader: { list: () => Promise.resolve(live) },
    recorded: () => Promise.resolve([]),
  } as unknown as KubeSession
  const thrown = await requireFreeAddresses(session, wanted).catch((error: unknown) => error)
  assert.ok(thrown instanceof KitError, String(thrown))
  return thrown
}

for (const there of words)
  for (const word of words.filter((one) => one !== there))
    test(`${word} with the host of ${there}: one error, exit 5, which names both`, async () => {
      const live = ingressesOf(there)
      const [host = ''] = hostsOf(live).slice(-1)
      const error = await refusal(ingressesOf(word, { [hostKeys[word] ?? '']: host }), live)
      assert.equal(error.exitCode, 5)
      assert.ok(error.message.startsWith(host), error.message)
      assert.match(error.message, new RegExp(`Ingress ${there}-staging/`))
    })

test('an AI service with the host of another application is refused the same way', async () => {
  const [host = ''] = hostsOf(ingressesOf('n8n'))
  const services = `services:
  - name: embedder
    image: registry.example.com/embedder:1.2.0
    port: 8080
    health: /health
    uid: 1000
    resources: { cpu: 100m, memory: 256Mi, cpuLimit: '1', memoryLimit: 512Mi }
    host: ${host}
`
  const error = await refusal(ingressesOf('llm', { SERVICES_YML: services }), ingressesOf('n8n'))
  assert.match(error.message, new RegExp(`^${host}/.* Ingress n8n-staging/n8n`))
})
