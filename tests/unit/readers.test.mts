import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../lib/base/files.mts'
import { readGraph } from './imports.mts'

// Every file that takes apart what comes from outside is known here: by the test that throws generated shapes at it, or
// by the reason why nothing there can become exit 1.

/** Calls that take a text or bytes apart. */
const takesApart =
  /\bJSON\.parse\(|(?<![.\w])parse\(|\bparseDocument\(|\breadYaml\(|new X509Certificate\(|\bcreatePrivateKey\(|\bparseKey\(|\bgunzipSync\(|\breadShape\(/

/** An exported function that is named for what it reads out of a text. */
const readsText =
  /^export (async )?(function|const) (parse\w+|read\w+|\w+In)\b.*\b(text|content|json|stdout|said|journal|claimed|comment)\b: string/

const outside = 'tests/unit/outside.test.mts'
const shapes = 'tests/unit/foreign-shapes.test.mts'
const inCheck = 'in a check or drill: whatever is thrown there is a failed answer, exit 10'
const server = 'the API server wrote it, and keeps its form'

/** Files by the test that imports and tries them, or a reason. */
const readers: Readonly<Record<string, string>> = {
  'lib/backends/amqp.mts': 'guarded by lib/backends/rabbitmq.mts: exit 6',
  'lib/backends/image-registry.mts': shapes,
  'lib/backends/postgres-facts.mts': shapes,
  'lib/backends/redis-login.mts': outside,
  'lib/backends/vault-client.mts': 'guarded: what is no JSON has no fields',
  'lib/backends/vault.mts': shapes,
  'lib/base/certificate.mts': outside,
  'lib/base/part-file.mts': 'guarded: what is no note begins anew',
  'lib/checks/http-exchange.mts': 'guarded: exit 10',
  'lib/checks/vault-secrets.mts': 'guarded: what does not unpack is looked at as it is',
  'lib/base/own-record.mts': 'guarded: what is no record is made anew',
  'lib/hosts/open-private-key.mjs': 'a worker of lib/hosts/private-key.mts',
  'lib/hosts/known-hosts.mts': shapes,
  'lib/hosts/private-key.mts': shapes,
  'lib/hosts/servers.mts': outside,
  'lib/kube/api-answer.mts': 'guarded: what is no Status is of what is behind the API server',
  'lib/kube/api-objects.mts': shapes,
  'lib/kube/apply/definitions.mts': shapes,
  'lib/kube/apply/diff.mts': shapes,
  'lib/kube/apply/up-to-date.mts': server,
  'lib/kube/authority.mts': 'the CA of a kubeconfig that was read: lib/kube/kubeconfig.mts',
  'lib/kube/cluster.mts': outside,
  'lib/kube/discovery.mts': shapes,
  'lib/kube/find-kubectl.mts': outside,
  'lib/kube/render-manifests.mts': shapes,
  'lib/kube/json-answer.mts': 'guarded: exit 3',
  'lib/kube/kubeconfig.mts': outside,
  'lib/kube/reader.mts': shapes,
  'lib/kube/refused.mts': shapes,
  'lib/kube/watch.mts': server,
  'lib/settings/env-file.mts': outside,
  'lib/settings/release-files.mts': shapes,
  'lib/settings/trusted-files.mts': 'guarded: what is no record is made anew',
  'lib/settings/versions.mts': outside,
  'lib/settings/yaml-file.mts': 'by the lists of models and services',
  'lib/state/revision-shape.mts': 'by lib/state/revision-store.mts',
  'lib/state/revision-store.mts': outside,
  'scripts/09_k3s/checks/addons.mts': inCheck,
  'scripts/09_k3s/checks/metrics.mts': inCheck,
  'scripts/09_k3s/checks/snapshots.mts': inCheck,
  'scripts/09_k3s/drill/applications.mts': inCheck,
  'scripts/09_k3s/drill/one-machine.mts': inCheck,
  'scripts/09_k3s/host/document.mts': shapes,
  'scripts/09_k3s/host/fixed.mts': shapes,
  'scripts/09_k3s/host/held-images.mts': shapes,
  'scripts/09_k3s/monitoring/ask.mts': shapes,
  'scripts/09_k3s/nodes/bootstrap-key.mts': shapes,
  'scripts/09_k3s/nodes/departure.mts': shapes,
  'scripts/09_k3s/nodes/journal.mts': shapes,
  'scripts/09_k3s/nodes/members.mts': shapes,
  'scripts/09_k3s/nodes/unit-state.mts': shapes,
  'scripts/09_k3s/preflight/run.mts': 'by scripts/09_k3s/host/document.mts',
  'scripts/09_k3s/prepare/run.mts': 'by scripts/09_k3s/host/document.mts',
  'scripts/09_k3s/remove/volumes.mts': shapes,
  'scripts/09_k3s/settings-receivers.mts': shapes,
  'scripts/10_keybuzz/inside.mts': shapes,
  'scripts/11_chatwoot/checks-visitor.mts': inCheck,
  'scripts/11_chatwoot/ruby.mts': 'a program for the pod of Chatwoot: Ruby reads it there',
  'scripts/13_superset/connection.mts': shapes,
  'scripts/14_vault/checks-injector.mts': inCheck,
  'scripts/14_vault/issuer.mts': shapes,
  'scripts/15_llm/models.mts': shapes,
  'scripts/15_llm/services.mts': shapes,
  'scripts/15_llm/session.mts': inCheck,
}

const { files, arrows } = readGraph(root, ['lib', 'scripts', 'bin', 'tests/unit'])
const found = files.filter(
  (file) =>
    !file.startsWith('tests/') &&
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .some((line) => !/^\s*(\/\/|\/?\*)/.test(line) && (takesApart.test(line) || readsText.test(line))),
)

test('every file that takes apart what comes from outside is tried with generated shapes, or says why not', () => {
  assert.deepEqual(
    found.filter((file) => readers[file] === undefined),
    [],
    'add a test to foreign-shapes.test.mts and the file to this list',
  )
  assert.deepEqual(
    Object.keys(readers).filter((file) => !found.includes(file)),
    [],
    'nothing is taken apart there any more: take the file off this list',
  )
})

test('a test that is named for a reader imports it', () => {
  const claimed = Object.entries(readers).filter(([, by]) => by.startsWith('tests/'))
  const absent = claimed.filter(([file, by]) => !arrows.some(({ from, to }) => from === by && to === file))
  assert.deepEqual(absent, [])
})
