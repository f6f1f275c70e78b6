import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { confirmYes, type Answers } from '../base/confirm.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { credentialsFolder, readPrivate, shownPath, writePrivate } from '../base/files.mts'
import { say } from '../base/log.mts'
import { type Target, shownTarget } from './ssh-errors.mts'

/** A host's public key, as known_hosts and ssh-keygen write it. */
export interface HostKey {
  /** `ssh-ed25519` */
  readonly type: string
  readonly blob: string
}

/** The key in the bytes a server sends: its type stands at their beginning. */
export function hostKeyOf(bytes: Buffer): HostKey {
  const length = bytes.readUInt32BE(0)
  return { type: bytes.subarray(4, 4 + length).toString('latin1'), blob: bytes.toString('base64') }
}

/** As `ssh-keygen -l` shows it, which is what an operator compares with. */
export const fingerprint = ({ blob }: HostKey): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`

/** The line of known_hosts for a host that is called by these names and addresses. */
export const knownHostsLine = (names: readonly string[], { type, blob }: HostKey): string =>
  `${names.join(',')} ${type} ${blob}`

/**
 * The keys a known_hosts file has for a host. Only plain names are read: the kit writes this file itself, and
 * hashed names would hide from the operator which host a line is about.
 * @param port 22 stands as the bare name, any other as `[name]:port`
 */
export function knownKeys(text: string, name: string, port: number): HostKey[] {
  const wanted = port === 22 ? name : `[${name}]:${port}`
  return text.split(/\r?\n/).flatMap((line) => {
    const [names = '', type = '', blob = ''] = line.trim().split(/\s+/)
    return !names.startsWith('#') && blob !== '' && names.split(',').includes(wanted) ? [{ type, blob }] : []
  })
}

const knownHostsPath = (env: string): string => join(credentialsFolder(env), 'known_hosts')

/** The keys an environment's known_hosts has for a host. */
export const trustedKeys = (env: string, { address, port }: Target): HostKey[] =>
  knownKeys(readPrivate(knownHostsPath(env)) ?? '', address, port)

/** A host that was met for the first time, and the key it showed. */
export interface Newcomer {
  readonly target: Target
  readonly key: HostKey
}

/** Tells newcomers from errors. @throws whatever is no UnknownHost */
export function newcomerOf(target: Target, thrown: unknown): Newcomer {
  if (thrown instanceof UnknownHost) return { target, key: thrown.key }
  throw thrown
}

/**
 * Shows the keys of all new hosts at once and asks whether they are right; then they are known. `--yes` trusts no
 * key (DESIGN section 5).
 * @throws KitError exit 7 when nobody sits at a terminal, exit 2 when the answer is no
 */
export async function trustNewcomers(
  env: string,
  newcomers: readonly Newcomer[],
  { canAsk, confirm }: Answers,
): Promise<void> {
  const lines = newcomers.map(
    ({ target, key }) => `${target.name} (${target.address})   ${key.type} ${fingerprint(key)}`,
  )
  const path = shownPath(knownHostsPath(env))
  if (!canAsk) {
    throw new KitError(`${newcomers.length} hosts are not known yet`, {
      exitCode: exitCodes.trust,
      details: [...lines, 'Nothing was sent to them.'],
      hint: `compare with ssh-keygen -lf on each host, then add to ${path}: ssh-keyscan -t ed25519 ADDRESS; or run on a terminal and answer`,
    })
  }
  for (const line of lines) say(`  ${line}`)
  say('  compare on each host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')
  await confirmYes(`Are these the keys of your ${newcomers.length} hosts?`, { canAsk, confirm, yes: false })
  const before = readPrivate(knownHostsPath(env)) ?? ''
  const added = newcomers.map(({ target, key }) => `${knownHostsLine(namesOf(target), key)}\n`)
  writePrivate(knownHostsPath(env), `${before}${added.join('')}`)
}

const namesOf = ({ name, address, port }: Target): string[] =>
  [...new Set([name, address])].map((one) => (port === 22 ? one : `[${one}]:${port}`))

/** A host nobody has trusted yet: the key it showed is for a person to compare. */
export class UnknownHost extends KitError {
  readonly key: HostKey

  constructor(target: Target, key: HostKey) {
    super(`${shownTarget(target)} is not known yet`, {
      exitCode: exitCodes.trust,
      details: [`it shows ${key.type} ${fingerprint(key)}`],
      hint: 'compare it on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
    })
    this.key = key
  }
}

export const changedKey = (target: Target, known: readonly HostKey[], met: HostKey): KitError =>
  new KitError(`${shownTarget(target)} shows another host key than the one that was trusted`, {
    exitCode: exitCodes.trust,
    details: [
      ...known.map((key) => `trusted: ${key.type} ${fingerprint(key)}`),
      `met now: ${met.type} ${fingerprint(met)}`,
      'Somebody may stand in between, or the host was installed anew. Nothing was sent to it.',
    ],
    hint: `when it was installed anew: remove the line of ${target.name} from known_hosts, then run again and compare`,
  })
