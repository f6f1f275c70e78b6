import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { logsFolder, root } from '../../../lib/base/files.mts'
import { logPath, openLog } from '../../../lib/base/log.mts'
import { serveApi, type Serve } from './served-api.mts'

// The log has one line for each request, which an operator can type.

const env = `unit-${process.pid}`
after(() => rmSync(logsFolder(env), { recursive: true, force: true }))

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-1', namespace: 'a', uid: 'u' } }

const serve: Serve = (path, written) => {
  if (path === '/silent') return undefined
  if (written !== undefined) return { body: pod }
  if (path.includes('watch=true')) return { body: '', stays: true }
  return path.endsWith('/pods')
    ? { body: { kind: 'PodList', metadata: { resourceVersion: '7' }, items: [] } }
    : { body: pod }
}

test('each request is a line of the log that an operator can type, also without an answer', async () => {
  const served = await serveApi(serve)
  const { api } = served.kubectl
  openLog(env, 'requests')
  await api.list('pods', { namespace: 'a', selector: 'app=n8n,part in (web)' })
  await api.get('pods', 'web-1', 'a')
  await api.raw('/readyz')
  await api.apply(pod, { manager: 'keybuzz', dryRun: true })
  await api.create(pod)
  await api.replace(pod)
  await api.remove(pod, true)
  await api.removeAll('pods', 'a', 'app=n8n')
  await api.post('/api/v1/x', {}, ['create', '--raw', '/api/v1/x', '-f', '-'])
  const ending = new AbortController()
  await api.watch('pods', 'a', ending.signal)
  ending.abort()
  await assert.rejects(api.raw('/silent', { once: true, timeoutSeconds: 0.2 }))
  const lines = readFileSync(join(root, logPath() ?? ''), 'utf8')
    .trim()
    .split('\n')
  const typed = lines.map((line) => line.replace(/^\S+ /, '').replace(/\(\d+ ms\)$/, '(ms)'))
  assert.deepEqual(typed, [
    'kubectl get --raw /api/v1 -> 200 (ms)',
    "kubectl get pods --namespace a --selector 'app=n8n,part in (web)' -> 200 (ms)",
    'kubectl get pods web-1 --namespace a -> 200 (ms)',
    'kubectl get --raw /readyz -> 200 (ms)',
    'kubectl apply --server-side --force-conflicts --validate=false --field-manager=keybuzz --dry-run=server --show-managed-fields -f - # Pod a/web-1 -> 200 (ms)',
    'kubectl create -f - # Pod a/web-1 -> 200 (ms)',
    'kubectl replace -f - # Pod a/web-1 -> 200 (ms)',
    'kubectl delete pods web-1 --namespace a -> 200 (ms)',
    'kubectl delete pods --namespace a --selector app=n8n --wait=false -> 200 (ms)',
    'kubectl create --raw /api/v1/x -f - -> 200 (ms)',
    'kubectl get pods --namespace a -> 200 (ms)',
    "kubectl get --raw '/api/v1/namespaces/a/pods?watch=true&allowWatchBookmarks=true&resourceVersion=7' -> 200 (ms)",
    'kubectl get --raw /silent -> no answer (ms)',
  ])
  assert.equal(typed.length, served.asked.length + served.discovered.length + served.written.length)
})
