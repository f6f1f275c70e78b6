import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { exitCodes, KitError } from './errors.mts'
import { readPrivate, root, shownPath } from './file.mts'
import type { Sensitive } from './sensitive.mts'
import type { Server } from './servers-file.mts'
import type { Settings } from './settings.mts'
import type { Login } from './ssh.mts'
import { trustedKeys } from './trust.mts'

/** Who enters where, with which key, and which host keys are trusted there. */
export function loginOf({ env, settings }: { env: string; settings: Settings }, server: Server): Login {
  const target = {
    name: server.hostname,
    address: server.privateAddress,
    port: Number(settings['SSH_PORT']),
    user: server.user ?? String(settings['SSH_USER']),
  }
  const passphrase = settings['SSH_KEY_PASSPHRASE'] as Sensitive | undefined
  return {
    ...target,
    privateKey: readKey(String(settings['SSH_KEY'])),
    passphrase: passphrase?.reveal(),
    known: trustedKeys(env, target),
  }
}

/** @throws KitError exit 2 when there is no such key, it is a public one, or others may read it */
function readKey(setting: string): string {
  const path = resolve(root, setting.replace(/^~(?=\/)/, homedir()))
  const text = readPrivate(path)
  if (text?.includes('PRIVATE KEY')) return text
  throw new KitError(
    text === undefined ? `there is no SSH key ${shownPath(path)}` : `${shownPath(path)} is no private key`,
    {
      exitCode: exitCodes.usage,
      hint: 'set SSH_KEY to the path of the private key that opens your hosts',
    },
  )
}
