import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { requireTrusted } from '../../../lib/kube/kubeconfig-trust.mts'
import { createKubectl } from '../../../lib/kube/kubectl.mts'
import { exitCodes } from '../../../lib/base/errors.mts'
import { redact } from '../../../lib/base/sensitive.mts'
import { parseKubeconfig } from '../../../lib/kube/kubeconfig.mts'
import { folder, startApi, writeKubeconfig, type LoopbackApi, type Serve } from './loopback-api.mts'

// A cluster that the kit did not make: an API server on loopback that only answers to what its kubeconfig needs. The
// real kubectl logs in; reads, writes and watches of the kit go through it.

const name = 'api.example.com'
const token = 'token-of-a-foreign-cluster'

/** As its kubeconfig has it. */
const authority = () => readFileSync(join(folder, 'ca.crt')).toString('base64')

const serve: Serve = ({ method, path, authorization, body }) => {
  if (authorization !== `Bearer ${token}`)
    return { code: 401, body: { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' } }
  if (method === 'PATCH') return { body: body as object }
  const pod = { metadata: { name: 'n8n-1', resourceVersion: '2' } }
  if (path.includes('watch=true')) return { body: { type: 'ADDED', object: pod }, stays: true }
  return path.endsWith('/pods')
    ? { body: { kind: 'PodList', metadata: { resourceVersion: '1' }, items: [pod] } }
    : undefined
}

let api: LoopbackApi
/** An HTTP proxy that leads to the API server whatever it is asked for, and what it was asked for. */
const through: string[] = []
const proxy = createServer()
const tunnels = new Set<Socket>()

before(async () => {
  const openssl = (line: string) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' })
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10'
  openssl(`${made} -subj /CN=ca -keyout ca.key -out ca.crt`)
  const extensions = `-addext subjectAltName=DNS:${name} -addext basicConstraints=critical,CA:FALSE`
  openssl(
    `${made} -CA ca.crt -CAkey ca.key -subj /CN=server ${extensions} -keyout server.key -out server.crt`,
  )
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  api = await startApi(serve, { key: read('server.key'), cert: read('server.crt') })
  proxy.on('connect', ({ url = '' }, near: Socket) => {
    through.push(url)
    const far = connect(api.port, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      tunnels.add(socket)
      socket.on('error', () => other.destroy())
    }
    near.write('HTTP/1.1 200 OK\r\n\r\n')
    near.pipe(far).pipe(near)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
})
after(() => {
  proxy.close()
  for (const socket of tunnels) socket.destroy()
})

const loopback = (): string => `https://127.0.0.1:${api.port}`
const proxyUrl = (): string => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`

/** Its login program prints the token, and what it was given in its environment. */
const exec = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: 'sh',
  args: [
    '-c',
    `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'"$FOREIGN_TOKEN"'"}}'`,
  ],
  env: [{ name: 'FOREIGN_TOKEN', value: token }],
  interactiveMode: 'Never',
}

const ways: Readonly<Record<string, () => [cluster: object, user: object]>> = {
  'a token, and a certificate for another name': () => [
    { server: loopback(), 'tls-server-name': name },
    { token },
  ],
  'a login program': () => [{ server: loopback(), 'tls-server-name': name }, { exec }],
  'a proxy, which alone knows its name': () => [
    { server: `https://${name}:6443`, 'proxy-url': proxyUrl() },
    { token },
  ],
  'a login program and a proxy': () => [
    { server: `https://${name}:6443`, 'proxy-url': proxyUrl() },
    { exec },
  ],
}

/** kubectl by a kubeconfig that the kit accepts. */
function kubectlOf(cluster: object, user: object) {
  const path = writeKubeconfig({ test: { 'certificate-authority-data': authority(), ...cluster } }, user)
  const kubeconfig = parseKubeconfig(path, readFileSync(path, 'utf8'))
  requireTrusted(path, kubeconfig)
  return createKubectl(['kubectl'], path, { context: 'test', another: () => Promise.resolve('test') })
}

for (const [what, wayOf] of Object.entries(ways)) {
  test(`a cluster that is reached by ${what}: reads, writes and watches go there`, async () => {
    through.length = 0
    const [cluster, user] = wayOf()
    const kubectl = kubectlOf(cluster, user)
    const found = await kubectl.api.list('pods', { namespace: 'a' })
    assert.deepEqual(
      found.map(({ metadata }) => metadata.name),
      ['n8n-1'],
    )
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: 'a' } }
    const applied = await kubectl.api.apply(map, { manager: 'keybuzz', dryRun: true })
    assert.equal(applied.metadata.name, 'one')
    const ending = new AbortController()
    const { events } = await kubectl.api.watch('pods', 'a', ending.signal)
    const [event] = (await once(events, 'data')) as [Buffer]
    assert.equal((JSON.parse(String(event)) as { type: string }).type, 'ADDED')
    ending.abort()
    assert.deepEqual([...new Set(through)], 'proxy-url' in cluster ? [`${name}:6443`] : [])
    assert.equal(redact(token), '***')
  })
}

test('without its name, its token or its proxy that cluster is not reached', async () => {
  const failed = (cluster: object, user: object, exitCode: number) =>
    assert.rejects(kubectlOf(cluster, user).api.list('pods', { namespace: 'a' }), { exitCode })
  await failed({ server: loopback() }, { token }, exitCodes.trust)
  await failed({ server: loopback(), 'tls-server-name': name }, { token: 'another' }, exitCodes.denied)
  await failed({ server: 'https://api.invalid:6443' }, { token }, exitCodes.unreachable)
})
