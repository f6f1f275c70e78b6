import { written } from '../base/written.mts'
import { createHash, createHmac } from 'node:crypto'
import { confirmYes, type Answers } from '../base/confirm.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { say } from '../base/log.mts'
import { addKnownHosts, knownHostsPath, readKnownHosts } from './known-hosts-file.mts'
import { type Target, shownTarget } from './ssh-errors.mts'

/** A host's public key, as known_hosts and ssh-keygen write it. */
export interface HostKey {
  /** `ssh-ed25519` */
  readonly type: string
  readonly blob: string
}

/** The key in the bytes a server sends: they begin with its type. @param bytes SSH wire format (RFC 4253, 6.6) */
export function hostKeyOf(bytes: Buffer): HostKey {
  const length = bytes.readUInt32BE(0)
  return { type: bytes.subarray(4, 4 + length).toString('latin1'), blob: bytes.toString('base64') }
}

/** The fingerprint as `ssh-keygen -l` prints it, for comparison: `SHA256:` and base64. */
export const fingerprint = ({ blob }: HostKey): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`

/** The known_hosts line of a host. @param names host names and addresses, `[name]:port` for a port other than 22 */
export const knownHostsLine = (names: readonly string[], { type, blob }: HostKey): string =>
  `${names.join(',')} ${type} ${blob}`

/** A host as known_hosts names it. */
const knownAs = (name: string, port: number): string => (port === 22 ? name : `[${name}]:${port}`)

/** What a known_hosts file contains about one host. */
export interface HostKeys {
  /** Keys that are trusted. */
  readonly known: readonly HostKey[]
  /** Keys marked `@revoked`: refused whatever other lines say. */
  readonly revoked: readonly HostKey[]
  /** A line `@cert-authority` names the host: host certificates are not supported here, the plain key is compared. */
  readonly byAuthority: boolean
}

/**
 * Reads a known_hosts file as OpenSSH does (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): plain and hashed names, patterns
 * with `*`, `?` and `!`, the markers `@revoked` and `@cert-authority`.
 * @param text content of the file
 * @param port 22 is written as the bare name, any other as `[name]:port`
 */
export function hostKeysIn(text: string, name: string, port: number): HostKeys {
  const wanted = knownAs(name, port)
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const [, mark, names = '', type = '', blob = ''] =
      /^\s*(?:(@\S+)\s+)?([^\s#]\S*)\s+([a-z]\S*)\s+(\S+)/.exec(line) ?? []
    return namesHost(names, wanted) ? [{ mark, key: { type, blob } }] : []
  })
  const marked = (mark: string | undefined) =>
    lines.filter((line) => line.mark === mark).map(({ key }) => key)
  const revoked = marked('@revoked')
  return {
    known: marked(undefined).filter((key) => !includesKey(revoked, key)),
    revoked,
    byAuthority: marked('@cert-authority').length > 0,
  }
}

/** True when these keys contain this one. */
export const includesKey = (keys: readonly HostKey[], { blob }: HostKey): boolean =>
  keys.some((one) => one.blob === blob)

/** True when a line's list of names includes the host. A name with `!` before it excludes the host from that line. */
function namesHost(names: string, host: string): boolean {
  const list = names.split(',')
  const matches = (name: string) => (name.startsWith('|') ? isHashOf(name, host) : isPatternOf(name, host))
  return list.some(matches) && !list.some((name) => name.startsWith('!') && matches(name.slice(1)))
}

/** `|1|SALT|HASH`: HMAC-SHA1 of the name, both in base64. */
function isHashOf(hashed: string, host: string): boolean {
  const [, version, salt = '', hash] = hashed.split('|')
  if (version !== '1') return false
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(host).digest('base64') === hash
}

const isPatternOf = (pattern: string, host: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    'i',
  ).test(host)

/**
 * The keys of a host in an environment's known_hosts.
 * @throws KitError exit 2 when others may write that file, or it cannot be read
 */
export const trustedKeys = (env: string, { address, port }: Target): HostKeys =>
  hostKeysIn(readKnownHosts(env), address, port)

/** A host without a known key, and the key it presented. */
export interface UntrustedHost {
  readonly target: Target
  readonly key: HostKey
}

/** The new host in an `UnknownHost` error. @throws any other error unchanged */
export function untrustedHostOf(target: Target, thrown: unknown): UntrustedHost {
  if (thrown instanceof UnknownHost) return { target, key: thrown.key }
  throw thrown
}

/**
 * Shows the keys of all new hosts at once, asks whether they are right, and saves them in known_hosts. `--yes` does
 * not answer this question (DESIGN section 5).
 * @throws KitError exit 7 without a terminal, exit 2 when the answer is no or others may write known_hosts, exit 12
 *   when they cannot be saved, exit 130 or 143 at the question
 */
export async function trustHosts(
  env: string,
  untrusted: readonly UntrustedHost[],
  { canAsk, confirm }: Answers,
): Promise<void> {
  const lines = untrusted.flatMap(({ target, key }) => [
    `${target.name} (${target.address})   ${key.type} ${fingerprint(key)}`,
    ...(trustedKeys(env, target).byAuthority
      ? [
          `  a @cert-authority line names ${target.name}: certificates are not read here, its own key is compared`,
        ]
      : []),
  ])
  const path = shownPath(knownHostsPath(env))
  if (!canAsk) {
    throw new KitError(`${untrusted.length} hosts are not known yet`, {
      exitCode: exitCodes.trust,
      details: [...lines, written()],
      hint: `compare with ssh-keygen -lf on each host, then add to ${path}: ${keyscan(untrusted)}; or run on a terminal and answer`,
    })
  }
  for (const line of lines) say(`  ${line}`)
  say('  compare on each host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')
  await confirmYes(`Are these the keys of your ${untrusted.length} hosts?`, { canAsk, confirm, yes: false })
  addKnownHosts(
    env,
    untrusted.map(({ target, key }) => knownHostsLine(namesOf(target), key)),
  )
}

/** The command that prints the keys of these hosts: all of them use the same port. */
function keyscan(untrusted: readonly UntrustedHost[]): string {
  const [port = 22] = untrusted.map(({ target }) => target.port)
  return `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}-t ed25519 ${untrusted.map(({ target }) => target.address).join(' ')}`
}

const namesOf = ({ name, address, port }: Target): string[] =>
  [...new Set([name, address])].map((one) => knownAs(one, port))

/** Exit 7: a host without a known key; an operator must compare the key that it presented. */
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

/** Exit 7: the host presented another key than the known ones. */
export const changedKey = (target: Target, known: readonly HostKey[], met: HostKey): KitError =>
  new KitError(`${shownTarget(target)} shows another host key than the one that was trusted`, {
    exitCode: exitCodes.trust,
    details: [
      ...known.map((key) => `trusted: ${key.type} ${fingerprint(key)}`),
      `met now: ${met.type} ${fingerprint(met)}`,
      ...(known.some(({ type }) => type === met.type)
        ? []
        : [`It has no key of a trusted type any more: its sshd may have been told to use other keys.`]),
      'Another machine may be in between, or the host was reinstalled. No login was tried.',
    ],
    hint: `when it was installed anew: remove the line of ${target.name} from known_hosts (ssh-keygen -R '${knownAs(target.address, target.port)}' -f FILE), then run again and compare`,
  })

/** Exit 7: the host presented a key that known_hosts marks as `@revoked`. */
export const revokedKey = (target: Target, met: HostKey): KitError =>
  new KitError(`${shownTarget(target)} shows a host key that is revoked`, {
    exitCode: exitCodes.trust,
    details: [
      `met now: ${met.type} ${fingerprint(met)}`,
      'A @revoked line of known_hosts names it: another machine that has the key may answer there. No login was tried.',
    ],
    hint: `give the host new keys (rm /etc/ssh/ssh_host_*, dpkg-reconfigure openssh-server), then run again and compare`,
  })
