import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError } from '../../../../lib/base/errors.mts'
import { ingressClash, requireFreeAddresses } from '../../../../lib/kube/apply/ingress-preconditions.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import type { KubeSession } from '../../../../lib/kube/apply/kube.mts'

const ingress = (namespace: string, host: string | undefined, ...paths: string[]): LiveObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { namespace, name: 'n8n' },
  spec: {
    rules: [{ ...(host === undefined ? {} : { host }), http: { paths: paths.map((path) => ({ path })) } }],
  },
})

test('the same host and path in another Ingress is a clash, named', () => {
  const wanted = [ingress('n8n-green', 'n8n.example.com', '/', '/webhook')]
  assert.equal(
    ingressClash(wanted, [ingress('n8n-blue', 'n8n.example.com', '/webhook')]),
    'n8n.example.com/webhook is answered by Ingress n8n-blue/n8n already',
  )
})

test('asked before any write, and only about addresses that are not ours yet', async () => {
  let questions = 0
  const session = (own: LiveObject[], all: LiveObject[]) =>
    ({
      objects: () => Promise.resolve(own),
      reader: {
        list: () => {
          questions += 1
          return Promise.resolve(all)
        },
      },
    }) as unknown as KubeSession
  const ours = ingress('n8n-green', 'n8n.example.com', '/')
  const theirs = ingress('n8n-blue', 'n8n.example.com', '/')
  await requireFreeAddresses(session([ours], [ours, theirs]), [ours])
  assert.equal(questions, 0)
  await assert.rejects(
    requireFreeAddresses(session([], [theirs]), [ours]),
    (error) => error instanceof KitError && error.exitCode === 5,
  )
})

test('another host, another path of the same host, and the very same object are none', () => {
  const wanted = [ingress('n8n-green', 'n8n.example.com', '/')]
  const others = [
    ingress('n8n-blue', 'n8n.blue.example.com', '/'),
    ingress('other', 'n8n.example.com', '/docs'),
    ingress('any', undefined, '/'),
    ingress('n8n-green', 'n8n.example.com', '/'),
  ]
  assert.equal(ingressClash(wanted, others), undefined)
})
