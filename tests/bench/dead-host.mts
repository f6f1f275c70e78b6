import { createDialing } from '../../lib/hosts/dialing.mts'
import { connect } from '../../lib/hosts/ssh.mts'
import { startDeadPort } from '../unit/hosts/dead-port.mts'
import { startSshd } from '../unit/hosts/sshd.mts'
import { Unmeasured, type Row } from './measure.mts'

/** Each takes 3 s. */
const rounds = 3

/** Milliseconds that a host which does not answer adds to the connections of the others. */
export async function deadHost(): Promise<Row[]> {
  const [sshd, dead] = [await startSshd((command) => ['sh', '-c', command]), await startDeadPort()]
  const deadLogin = { ...sshd.login, name: 'worker-02', port: dead.port }
  try {
    const added: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const alone = await timeOf([sshd.login], 0)
      added.push((await timeOf([sshd.login, deadLogin], 1)) - alone)
    }
    return [{ name: 'one dead host delays the others', ours: added, bound: 3000 }]
  } finally {
    sshd.close()
    dead.close()
  }
}

/** Milliseconds until hosts are connected or given up. @param lost how many must be given up */
async function timeOf(logins: readonly Parameters<typeof connect>[0][], lost: number): Promise<number> {
  const attempt = createDialing()
  const started = performance.now()
  const connected = await Promise.allSettled(logins.map((login) => connect(login, attempt())))
  const ms = performance.now() - started
  for (const one of connected) if (one.status === 'fulfilled') one.value.close()
  const refused = connected.filter(({ status }) => status === 'rejected').length
  if (refused !== lost) throw new Unmeasured(`${refused} hosts could not be connected to, not ${lost}`)
  return ms
}
