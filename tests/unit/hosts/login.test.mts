import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { exitCodes } from '../../../lib/base/errors.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { knownHostsLine } from '../../../lib/hosts/known-hosts.mts'
import { addKnownHosts } from '../../../lib/hosts/known-hosts-file.mts'
import { connectHost } from '../../../lib/hosts/login.mts'
import { startSshd } from './sshd.mts'

const env = `login-test-${process.pid}`
after(() => rmSync(credentialsFolder(env), { recursive: true, force: true }))

test('a login whose first question fails closes its connection: the process would not end', async () => {
  const sshd = await startSshd((command) => (/sudo/.test(command) ? ['true'] : ['sh', '-c', command]))
  const { address, port, name, privateKey } = sshd.login
  addKnownHosts(env, [knownHostsLine([`[${address}]:${port}`], sshd.key)])
  const server = {
    line: 2,
    env,
    hostname: name,
    privateAddress: address,
    publicAddress: undefined,
    fqdn: undefined,
    user: 'admin',
    role: 'k3s',
    subrole: 'worker',
  }
  const options = {
    env,
    privateKey,
    settings: { SSH_PORT: port, SSH_KEY: 'id_ed25519' },
    answers: { canAsk: false, confirm: undefined, yes: false },
    writes: createWrites({ planning: false, guard: () => Promise.resolve() }),
  }
  try {
    await assert.rejects(connectHost(options as never, server), { exitCode: exitCodes.unreachable })
    for (let turns = 0; sshd.connected() > 0 && turns < 50; turns += 1) await setTimeout(20)
    assert.equal(sshd.connected(), 0)
  } finally {
    sshd.drop()
    sshd.close()
  }
})
