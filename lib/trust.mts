import { join } from 'node:path'
import { confirmYes, type Answers } from './confirm.mts'
import { exitCodes, KitError } from './errors.mts'
import { credentialsFolder, readPrivate, shownPath, writePrivate } from './file.mts'
import { fingerprint, knownHostsLine, knownKeys, type HostKey } from './known-hosts.mts'
import { say } from './log.mts'
import { UnknownHost, type Target } from './ssh-errors.mts'

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
