// Who keeps which certificate: the leader makes one and writes Secret and webhook; every pod serves what the Secret has. The
// real program watches both objects; this one asks every second.
import { setTimeout as pause } from 'node:timers/promises'
import { certificatesIn, isDue, makeAuthority } from './authority.mjs'

const secretName = 'vault-injector-certs'
const second = 1000

const decoded = (text) => Buffer.from(text, 'base64').toString()
const encoded = (text) => Buffer.from(text).toString('base64')

/** Calls `work` every second, for ever; an error of it is one line, said once while it is the same. */
async function everySecond(what, work, log) {
  for (let last = ''; ; await pause(second)) {
    const why = await work().then(
      () => '',
      (error) => error.message,
    )
    if (why !== last && why !== '') log(`${what}: ${why}`)
    last = why
  }
}

/** Gives `serve` the certificate and key of the Secret, once and whenever it changes. A Secret that is gone changes nothing. */
export function followSecret(kube, serve, log) {
  const list = `/api/v1/namespaces/${kube.namespace}/secrets?fieldSelector=metadata.name%3D${secretName}`
  let served
  return everySecond(
    'the Secret of the certificate',
    async () => {
      const [secret] = (await kube.get(list)).items
      const { cert, key } = secret?.data ?? {}
      if (cert === undefined || key === undefined || cert === served) return
      serve({ cert: decoded(cert), key: decoded(key) })
      served = cert
      log('serves a new certificate')
    },
    log,
  )
}

/**
 * The leader's work: a CA of its own, a certificate before the last one ends, and the CA in the webhook, behind the last one
 * there. It does not look whether its Secret is still there.
 * @param names webhook, the MutatingWebhookConfiguration, and hosts of the certificate
 */
export function keepCertificate(kube, { webhook, hosts }, log) {
  const hook = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhook}`
  const authority = makeAuthority()
  let cert
  return everySecond(
    'the certificate',
    async () => {
      if (cert === undefined || isDue(cert, Date.now())) {
        const made = authority.certify(hosts)
        await writeSecret(kube, made)
        cert = made.cert
        log('made a certificate')
      }
      await writeAuthority(kube, hook, authority.pem, log)
    },
    log,
  )
}

async function writeSecret(kube, { cert, key }) {
  const path = `/api/v1/namespaces/${kube.namespace}/secrets`
  const metadata = { name: secretName, namespace: kube.namespace }
  const data = { cert: encoded(cert), key: encoded(key) }
  const object = { apiVersion: 'v1', kind: 'Secret', metadata, data }
  if ((await kube.create(path, object)) === undefined) await kube.replace(`${path}/${secretName}`, object)
}

async function writeAuthority(kube, hook, pem, log) {
  const [first] = (await kube.find(hook))?.webhooks ?? []
  if (first === undefined) return
  const there = certificatesIn(decoded(first.clientConfig.caBundle ?? ''))
  if (there.includes(pem)) return
  const caBundle = encoded([...there.slice(-1), pem].join(''))
  await kube.patch(hook, [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: caBundle }])
  log('wrote its CA into the webhook')
}
