import { createPrivateKey, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { readPrivate, shownPath } from '../base/files.mts'
import { fromRoot } from '../base/home.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import { interruption } from '../base/signals.mts'
import type { Settings } from '../settings/settings.mts'

// The private key of the logins. It is read and decrypted once a run: the SSH library would decrypt it for each host.

/**
 * Reads and decrypts the private key that SSH_KEY names.
 * @returns its text without a passphrase, in a form the SSH library reads
 * @throws KitError exit 2 when there is none, it cannot be read, others may read it, it is not a private key, or
 *   SSH_KEY_PASSPHRASE does not decrypt it; exit 130 or 143 on a signal
 */
export async function readSshKey(settings: Settings): Promise<string> {
  const path = fromRoot(String(settings['SSH_KEY']))
  const text = readPrivate(path)
  if (text === undefined) {
    throw refused(
      `there is no SSH key ${shownPath(path)}`,
      'set SSH_KEY to the path of the private key that opens your hosts',
    )
  }
  const passphrase = settings['SSH_KEY_PASSPHRASE'] as Sensitive | undefined
  return openPrivateKey(sensitive(text).reveal(), passphrase?.reveal(), shownPath(path))
}

/**
 * Decrypts a private key.
 * @param text in the forms of OpenSSH, PEM (PKCS#1, SEC 1) or PKCS#8
 * @param path the file, for messages
 * @returns its text without a passphrase, in a form the SSH library reads
 * @throws KitError exit 2 when it is not a private key or the passphrase does not decrypt it; exit 130 or 143 on a
 *   signal
 */
export async function openPrivateKey(
  text: string,
  passphrase: string | undefined,
  path: string,
): Promise<string> {
  const form = formOf(text)
  if (form === 'putty') {
    throw refused(
      `${path} is a key in PuTTY’s form`,
      `puttygen ${path} -O private-openssh -o ${path}.openssh (package putty-tools), chmod 600 ${path}.openssh, and set SSH_KEY to it`,
    )
  }
  if (form === 'public') {
    throw refused(
      `${path} is a public key`,
      'set SSH_KEY to the private key beside it: usually the same name without .pub',
    )
  }
  if (form === 'none') {
    throw refused(
      `${path} is not a private key`,
      'set SSH_KEY to the path of the private key that opens your hosts',
    )
  }
  if (form === 'OPENSSH' && !isLocked(text)) return text
  if (passphrase === undefined && isLocked(text)) {
    throw refused(
      `${path}: the SSH key has a passphrase, and none is known`,
      'save SSH_KEY_PASSPHRASE, or use a key that has none',
    )
  }
  try {
    const pem = form === 'OPENSSH' ? await openInWorker(text, passphrase ?? '') : text
    return sensitive(
      readable(createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) })),
    ).reveal()
  } catch (thrown) {
    interruption.throwIfAsked()
    // OpenSSL reports a wrong passphrase as many different errors: it parses whatever was decrypted.
    throw isWrongPassphrase(thrown) || (form === 'pem' && isLocked(text))
      ? refused(`SSH_KEY_PASSPHRASE does not open ${path}`, `correct it; by hand: ssh-keygen -y -f ${path}`)
      : refused(
          `${path} is damaged, or of a kind SSH here does not know`,
          `by hand: ssh-keygen -y -f ${path}; ed25519, ECDSA and RSA are known, in the forms of OpenSSH and PKCS#8`,
          messageOf(thrown),
        )
  }
}

const refused = (what: string, hint: string, detail?: string): KitError =>
  new KitError(what, {
    exitCode: exitCodes.usage,
    hint,
    ...(detail === undefined ? {} : { details: [detail] }),
  })

type Form = 'OPENSSH' | 'pem' | 'putty' | 'public' | 'none'

function formOf(text: string): Form {
  if (/^PuTTY-User-Key-File-/m.test(text)) return 'putty'
  if (/^-----BEGIN OPENSSH PRIVATE KEY-----/m.test(text)) return 'OPENSSH'
  if (/^-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/m.test(text)) return 'pem'
  return /^(ssh|ecdsa)-\S+ AAAA|^---- BEGIN SSH2 PUBLIC KEY|^-----BEGIN PUBLIC KEY/m.test(text)
    ? 'public'
    : 'none'
}

/** True when a key needs a passphrase. */
function isLocked(text: string): boolean {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(text)) return true
  const [, body] = /^-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)/m.exec(text) ?? []
  if (body === undefined) return false
  // PROTOCOL.key of OpenSSH: a fixed text, then the name of the cipher with its length before it.
  const bytes = Buffer.from(body, 'base64')
  const cipherAt = 'openssh-key-v1\0'.length + 4
  return bytes.subarray(cipherAt, cipherAt + 4).toString('latin1') !== 'none'
}

/** True for the SSH library's error about a wrong passphrase. */
const isWrongPassphrase = (thrown: unknown): boolean => /bad passphrase/i.test(messageOf(thrown))

/** Decrypts a key in OpenSSH's form, in a worker thread. @returns it as PEM @throws Error of the SSH library */
async function openInWorker(text: string, passphrase: string): Promise<string> {
  const worker = new Worker(join(import.meta.dirname, 'open-private-key.mjs'), {
    workerData: { text, passphrase },
    // The runtime of the main thread is not needed in it.
    execArgv: [],
  })
  const end = () => void worker.terminate()
  interruption.signal.addEventListener('abort', end)
  try {
    const { problem, pem } = await new Promise<{ problem?: string; pem?: string }>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('it was not opened')))
    })
    if (pem === undefined) throw new Error(problem)
    return pem
  } finally {
    interruption.signal.removeEventListener('abort', end)
    await worker.terminate()
  }
}

/** A key as the SSH library reads it: PKCS#1 for RSA, SEC 1 for ECDSA, OpenSSH's form for ed25519. */
function readable(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return String(key.export({ type: 'pkcs1', format: 'pem' }))
  if (key.asymmetricKeyType === 'ec') return String(key.export({ type: 'sec1', format: 'pem' }))
  if (key.asymmetricKeyType === 'ed25519') return openSshEd25519(key)
  throw new Error(`a key of type ${key.asymmetricKeyType}`)
}

/** An ed25519 key in OpenSSH's form (PROTOCOL.key), without a passphrase. */
function openSshEd25519(key: KeyObject): string {
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const field = (value: Buffer | string): Buffer => {
    const bytes = Buffer.from(value)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const type = 'ssh-ed25519'
  const check = Buffer.alloc(8)
  const secret = Buffer.concat([
    check,
    field(type),
    field(point),
    field(Buffer.concat([seed, point])),
    field(''),
  ])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (secret.length % 8)) % 8))
  const one = Buffer.from([0, 0, 0, 1])
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...['none', 'none', ''].map(field),
    one,
    field(Buffer.concat([field(type), field(point)])),
    field(Buffer.concat([secret, padding])),
  ])
  const lines = body.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}
