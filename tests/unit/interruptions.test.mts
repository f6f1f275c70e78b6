import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { Cancelled, exitCodes, isInterruption, KitError, unlessInterrupted } from '../../lib/base/errors.mts'
import { root } from '../../lib/base/files.mts'
import type { Check } from '../../lib/checks/checks.mts'
import type { Module } from '../../lib/run/module.mts'
import { applications, settingsOf } from './scripts/rendered.mts'
import { k3s } from '../../scripts/09_k3s/module.mts'
import { vault } from '../../scripts/14_vault/module.mts'

// Ctrl-C ends the run: no handler of errors may make a value of it.

test('every error becomes a value but an interruption', () => {
  const value = unlessInterrupted(() => 'none')
  for (const thrown of [new Error('x'), 'x', new KitError('x', { exitCode: exitCodes.unreachable })])
    assert.deepEqual([isInterruption(thrown), value(thrown)], [false, 'none'])
  for (const thrown of [new Cancelled(), new KitError('terminated', { exitCode: exitCodes.terminated })]) {
    assert.equal(isInterruption(thrown), true)
    assert.throws(
      () => value(thrown),
      (again) => again === thrown,
    )
  }
})

/** Handlers of every error that an interruption does not reach, or that look for it themselves, and how many. */
const allowed: Readonly<Record<string, number>> = {
  // Whoever awaits the promise gets it; a poll asks after it; a watch, a lock's renewal and a login that has been reported end with the run.
  'lib/base/concurrency.mts': 1,
  'lib/base/poll.mts': 1,
  'lib/kube/watch.mts': 1,
  'lib/state/cluster-lock.mts': 3,
  'lib/run/machines.mts': 1,
  'lib/backends/postgres.mts': 1,
  'lib/backends/redis.mts': 1,
  // No command and no request to the API server.
  'lib/backends/from-nodes.mts': 1,
  'lib/backends/postgres-login.mts': 1,
  'lib/kube/api-servers.mts': 2,
  'lib/kube/find-kubectl.mts': 1,
  'lib/backends/s3.mts': 1,
  'scripts/09_k3s/nodes/release-source.mts': 1,
}

test('a handler that makes a value of every error is unlessInterrupted', () => {
  const found: Record<string, number> = {}
  for (const folder of ['lib', 'scripts'])
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.mts')) continue
      const file = join(root, folder, path)
      const all = readFileSync(file, 'utf8').match(/\.catch\(\s*(\(\) =>|messageOf)|,\s*messageOf\)/g) ?? []
      if (all.length > 0) found[relative(root, file)] = all.length
    }
  assert.deepEqual(found, allowed)
})

const parts = ['main', 'mcp', 'webhook', 'worker', 'web', 'beat', 'api', 'front', 'proxy', 'checks', 'node']
const pods = parts.map((part) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `${part}-1`, namespace: 'a', labels: { 'app.kubernetes.io/component': part } },
  spec: { nodeName: 'k8s-1', containers: [{ name: part }] },
  status: {
    phase: 'Running',
    podIP: '10.42.0.7',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: part, ready: true, restartCount: 0, state: { running: {} } }],
  },
}))
const server = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'k8s-1', labels: { 'node-role.kubernetes.io/control-plane': 'true' } },
  spec: {},
  status: { addresses: [], conditions: [{ type: 'Ready', status: 'True' }] },
}
const listed: Readonly<Record<string, readonly object[]>> = { pods, nodes: [server] }

test('a check whose question is interrupted ends the run, whatever it was about', async () => {
  const heard: string[] = []
  for (const [name, module] of Object.entries<Module>({ k3s, vault, ...applications })) {
    const { checks } = (await import(
      join(root, 'scripts', `${module.number}_${module.slug}`.replace(/^9_/, '09_'), 'checks.mts')
    )) as { checks: readonly Check[] }
    const settings = settingsOf(module, { MONITORING: 'true' })
    for (const { id, ask, when } of checks) {
      // Those of secrets in Vault wait for pods, and are interrupted in tests/unit/checks/vault-secrets.test.mts.
      if (when?.(settings as never) === false) continue
      let interrupted = 0
      const refuse = () => {
        interrupted += 1
        return Promise.reject(new Cancelled())
      }
      const silent = new Proxy({}, { get: () => refuse })
      const kube = new Proxy(
        {
          list: (kind: string) => Promise.resolve(listed[kind] ?? []),
          get: (kind: string) => (kind === 'configmaps' ? refuse() : Promise.resolve(undefined)),
        },
        { get: (some: Record<string, unknown>, key: string) => some[key] ?? refuse },
      )
      const tools = {
        settings,
        kube,
        http: silent,
        postgres: silent,
        redis: silent,
        s3: silent,
        once: (_name: string, make: () => Promise<unknown>) => make(),
      }
      const thrown = await ask(tools as never).then(
        (answer) => answer,
        (error: unknown) => error,
      )
      if (interrupted === 0) continue
      heard.push(id)
      assert.ok(isInterruption(thrown), `${name} ${id}: ${JSON.stringify(thrown)}`)
    }
  }
  // Those that once took an interruption for an answer.
  for (const id of [
    'k3s.etcd',
    'k3s.kubelets',
    'k3s.monitoring-grafana',
    'keybuzz.service',
    'litellm.services',
  ])
    assert.ok(heard.includes(id), id)
})
