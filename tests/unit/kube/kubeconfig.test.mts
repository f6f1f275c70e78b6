import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { createServer as createSilentServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { foreignAuthority } from '../../../lib/kube/authority.mts'
import { createKubectl } from '../../../lib/kube/kubectl.mts'
import { answers, chooseEndpoint, isSilent } from '../../../lib/kube/api-servers.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { redact } from '../../../lib/base/sensitive.mts'
import { newsOf } from '../../../lib/kube/save-kubeconfig.mts'
import { daysLeft, parseKubeconfig, type Kubeconfig } from '../../../lib/kube/kubeconfig.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-kubeconfig-'))
const openssl = (line: string) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' })
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

/** A CA, and a certificate of it for 127.0.0.1, or another name, that is good for so many days. */
function makeAuthority(name: string, days: number, server = 'IP:127.0.0.1'): void {
  const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days ${days}`
  openssl(`${made} -subj /CN=${name} -keyout ${name}.key -out ${name}.crt`)
  const extensions = `-addext subjectAltName=${server} -addext basicConstraints=critical,CA:FALSE`
  const signed = `-CA ${name}.crt -CAkey ${name}.key -subj /CN=server ${extensions}`
  openssl(`${made} ${signed} -keyout ${name}-server.key -out ${name}-server.crt`)
}

/** An API server of an authority that answers /readyz with this status. */
async function serve(authority: string, status: number): Promise<Server> {
  const tls = { key: read(`${authority}-server.key`), cert: read(`${authority}-server.crt`) }
  const server = createServer(tls, (_, answer) => void answer.writeHead(status).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const urlOf = (server: Server) => `https://127.0.0.1:${(server.address() as AddressInfo).port}`
const servers: Server[] = []

before(async () => {
  makeAuthority('ours', 100)
  makeAuthority('theirs', 10)
  makeAuthority('named', 10, 'DNS:rancher.example.com')
  servers.push(await serve('ours', 200), await serve('theirs', 200), await serve('ours', 500))
})
after(() => {
  for (const server of servers) server.close()
  rmSync(folder, { recursive: true })
})

interface Way {
  readonly server: string
  readonly ca?: string
  readonly user?: string
  /** More fields of its cluster. */
  readonly cluster?: object
}

/** A kubeconfig whose contexts lead to these servers, each with its CA and user. */
const textOf = (ways: readonly Way[]): string =>
  stringify({
    'current-context': 'way-0',
    clusters: ways.map(({ server, ca = 'ours', cluster }, at) => ({
      name: `way-${at}`,
      cluster: {
        server,
        'certificate-authority-data': Buffer.from(read(`${ca}.crt`)).toString('base64'),
        ...cluster,
      },
    })),
    contexts: ways.map(({ user = 'admin' }, at) => ({
      name: `way-${at}`,
      context: { cluster: `way-${at}`, user },
    })),
    users: [{ name: 'admin', user: {} }],
  })
const kubeconfigOf = (...ways: Way[]): Kubeconfig => parseKubeconfig('kubeconfig', textOf(ways))
const contexts = ({ endpoints }: Kubeconfig) => endpoints.map(({ context }) => context)
const nobody = 'https://127.0.0.1:1'

test('only contexts of the same cluster and the same user are other ways to it', () => {
  const found = kubeconfigOf(
    { server: 'https://192.0.2.1:6443' },
    { server: 'https://192.0.2.2:6443' },
    { server: 'https://192.0.2.3:6443', ca: 'theirs' },
    { server: 'https://192.0.2.4:6443', user: 'somebody' },
  )
  assert.deepEqual(contexts(found), ['way-0', 'way-1'])
})

test('the preferred way is gone by while it answers, another one when it does not', async () => {
  const [ours] = servers as [Server]
  const choose = async (...ways: { server: string }[]) =>
    (await chooseEndpoint(kubeconfigOf(...ways))).context
  assert.equal(await choose({ server: urlOf(ours) }, { server: nobody }), 'way-0')
  assert.equal(await choose({ server: nobody }, { server: urlOf(ours) }), 'way-1')
})

test('a machine that is off, and neither answers nor refuses, costs less than a second', async () => {
  const [ours] = servers as [Server]
  const silent = createSilentServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const server = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`
  try {
    const started = performance.now()
    assert.equal((await chooseEndpoint(kubeconfigOf({ server }, { server: urlOf(ours) }))).context, 'way-1')
    assert.ok(performance.now() - started < 1500, 'not the 2 s it has where it is alone')
    const both = kubeconfigOf({ server }, { server: urlOf(ours) })
    assert.deepEqual([await isSilent('way-0', both), await isSilent('way-1', both)], [true, false])
    assert.equal(await isSilent('way-0', kubeconfigOf({ server }, { server: nobody })), false)
  } finally {
    silent.close()
  }
})

test('a host that is avoided is no way while there is another one, even one that does not answer', async () => {
  const [ours] = servers as [Server]
  const elsewhere = 'https://192.0.2.9:6443'
  const choose = async (...ways: { server: string }[]) =>
    (await chooseEndpoint(kubeconfigOf(...ways), ['127.0.0.1', '198.51.100.1'])).context
  assert.equal(await choose({ server: urlOf(ours) }, { server: elsewhere }), 'way-1')
  assert.equal(await choose({ server: 'https://198.51.100.1:6443' }, { server: elsewhere }), 'way-1')
  assert.equal(await choose({ server: urlOf(ours) }), 'way-0')
})

test('a server that is not ready, or whose certificate another CA signed, is no way', async () => {
  const [ours, theirs, unready] = servers as [Server, Server, Server]
  for (const wrong of [theirs, unready]) {
    const chosen = await chooseEndpoint(kubeconfigOf({ server: urlOf(wrong) }, { server: urlOf(ours) }))
    assert.equal(chosen.context, 'way-1')
  }
})

/** An API server below a path, as Rancher's, that a kubeconfig knows by another name than its certificate's. */
test('the way of a current context is its own: its path, the name its certificate is for, its proxy', async () => {
  const [ours] = servers as [Server]
  const tls = { key: read('named-server.key'), cert: read('named-server.crt') }
  const below = createServer(tls, ({ url }, answer) => {
    answer.writeHead(url === '/k8s/clusters/c-1/readyz' ? 200 : 404).end()
  })
  await new Promise<void>((resolve) => below.listen(0, '127.0.0.1', resolve))
  try {
    const server = `${urlOf(below)}/k8s/clusters/c-1`
    const named = { server, ca: 'named', cluster: { 'tls-server-name': 'rancher.example.com' } }
    const other = { server: urlOf(ours), ca: 'named' }
    assert.equal((await chooseEndpoint(kubeconfigOf(named, other))).context, 'way-0')
    assert.equal(await answers(kubeconfigOf(named).endpoints[0], kubeconfigOf(named)), true)
    const unnamed = kubeconfigOf({ server, ca: 'named' })
    assert.equal(await answers(unnamed.endpoints[0], unnamed), false)
  } finally {
    below.close()
  }
  const proxied = { server: nobody, cluster: { 'proxy-url': 'http://192.0.2.9:3128' } }
  assert.equal((await chooseEndpoint(kubeconfigOf(proxied, { server: urlOf(ours) }))).context, 'way-0')
})

test('when nobody answers the preferred way stays: kubectl tells why', async () => {
  const chosen = await chooseEndpoint(kubeconfigOf({ server: nobody }, { server: nobody }))
  assert.equal(chosen.context, 'way-0')
})

test('a kubeconfig whose context leads nowhere is refused, exit 2', () => {
  assert.throws(
    () => parseKubeconfig('kubeconfig', 'current-context: nowhere'),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.usage,
  )
})

test('what is empty is absent, as for kubectl', () => {
  const cluster = { 'proxy-url': '', 'tls-server-name': '' }
  const text = textOf([{ server: nobody, cluster }]).replace(
    'user: {}',
    'user: { token: "", client-key-data: "" }',
  )
  const { endpoints, key } = parseKubeconfig('kubeconfig', text)
  assert.deepEqual([endpoints[0].proxied, endpoints[0].tlsName, key], [false, undefined, undefined])
})

test('what a login program gets, and the account of a proxy, are not shown', () => {
  const user = {
    exec: {
      command: 'login',
      args: ['--oidc-client-secret=planted-1', '--grant=device'],
      env: [
        { name: 'AZURE_CLIENT_SECRET', value: 'planted-2' },
        { name: 'AWS_PROFILE', value: 'the-profile' },
        { name: 'EMPTY', value: null },
      ],
    },
    'auth-provider': { name: 'oidc', config: { 'refresh-token': 'planted-3', 'client-id': 'the-client' } },
  }
  const cluster = { 'proxy-url': 'http://ops:planted-4@proxy.example.com:3128' }
  parseKubeconfig(
    'kubeconfig',
    textOf([{ server: nobody, cluster }]).replace('user: {}', `user: ${JSON.stringify(user)}`),
  )
  const text = 'planted-1 planted-2 planted-3 planted-4 the-profile the-client device'
  assert.equal(redact(text), '*** *** *** *** the-profile the-client device')
})

const now = new Date()
const withCertificate = (name: string, ...hosts: string[]): Kubeconfig => ({
  ...kubeconfigOf(...hosts.map((server) => ({ server }))),
  certificate: read(`${name}.crt`),
})

test('the days a client certificate has left are counted; a token has none', () => {
  assert.equal(daysLeft(withCertificate('ours', nobody), now), 99)
  assert.equal(daysLeft(withCertificate('ours', nobody), new Date(now.getTime() + 101 * 86_400_000)), -2)
  assert.equal(daysLeft(kubeconfigOf({ server: nobody }), now), undefined)
})

test('a kubeconfig is replaced for other addresses, or by a longer certificate once its own nears the end', () => {
  const [one, two] = ['https://192.0.2.1:6443', 'https://192.0.2.2:6443']
  const short = withCertificate('theirs', one)
  const long = withCertificate('ours', one)
  assert.match(newsOf(long, undefined, now) ?? '', /99 days left/)
  assert.equal(newsOf(long, long, now), undefined)
  assert.match(newsOf(long, short, now) ?? '', /had 9 days left, the new one has 99/)
  assert.equal(newsOf(short, long, now), undefined)
  assert.match(newsOf(withCertificate('ours', one, two), long, now) ?? '', /192\.0\.2\.2/)
})

test('a kubeconfig of another CA is told with both fingerprints, whatever kubectl met first: exit 7', async () => {
  const [ours, theirs] = servers as [Server, Server]
  const foreign = kubeconfigOf({ server: urlOf(theirs) })
  const error = await foreignAuthority(foreign.endpoints[0], foreign)
  assert.equal(error?.exitCode, exitCodes.trust)
  const sha256 = (name: string) => new X509Certificate(read(`${name}.crt`)).fingerprint256
  assert.match(error.details[0] ?? '', new RegExp(`CN=ours, sha256 ${sha256('ours')}$`))
  assert.match(error.details[1] ?? '', /signed by CN=theirs, sha256 ([0-9A-F]{2}:){31}/)
  for (const server of [urlOf(ours), nobody]) {
    const right = kubeconfigOf({ server })
    assert.equal(await foreignAuthority(right.endpoints[0], right), undefined, server)
  }
  // kubectl is a stand-in that meets the end of the connection first, then answers.
  for (const [words, code] of [
    ['write: broken pipe', exitCodes.trust],
    ['Error from server (Forbidden): no', exitCodes.denied],
  ] as const) {
    const kubectl = createKubectl(['sh', '-c', `echo '${words}' >&2; exit 1`], 'kubeconfig', {
      context: 'way-0',
      another: () => Promise.resolve('way-0'),
      explain: () => foreignAuthority(foreign.endpoints[0], foreign),
    })
    await assert.rejects(kubectl.run(['get', 'nodes']), { exitCode: code })
  }
})

test('the kubeconfig of another cluster is replaced by that of the masters', () => {
  const at = 'https://192.0.2.1:6443'
  const own = withCertificate('ours', at)
  const theirs = { ...own, ...kubeconfigOf({ server: at, ca: 'theirs' }), certificate: own.certificate }
  assert.match(newsOf(own, theirs, now) ?? '', /was of another cluster/)
})
