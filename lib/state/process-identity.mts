import { readFileSync, readlinkSync } from 'node:fs'

/**
 * What tells this process from every other one on every machine: the boot of the machine, the PID namespace, the
 * PID and when it was started. Undefined where there is no /proc.
 */
export const processIdentity = (): string | undefined => identityOf(process.pid)

/** True when the named process ran on this machine and certainly runs no more. A suspended one still runs. */
export function hasEnded(identity: string): boolean {
  const own = processIdentity()
  if (own === undefined) return false
  const [boot, namespace, pid] = identity.split(' ')
  const [ownBoot, ownNamespace] = own.split(' ')
  return boot === ownBoot && namespace === ownNamespace && identityOf(Number(pid)) !== identity
}

function identityOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // Fields after the command's name, which may itself hold spaces and brackets; the 20th is its start.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    // A zombie has ended, though its parent has not looked yet.
    if (fields[0] === 'Z') return undefined
    return [boot, readlinkSync('/proc/self/ns/pid'), pid, fields[19]].join(' ')
  } catch {
    return undefined
  }
}
