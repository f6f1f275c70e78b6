import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Identifies this process among those of all machines: boot ID, PID namespace, PID and start time (in clock ticks since
 * boot), separated by spaces. Undefined where there is no /proc.
 */
export const processIdentity = (): string | undefined => identityOf(process.pid)

/**
 * True when a process ran on this machine and has certainly ended. A suspended one has not ended.
 * @param identity from `processIdentity`; empty when it is not known: false
 */
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
    // The fields after the command name, which may contain spaces and brackets (proc(5)); the 20th is the start time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    // A zombie has ended; only its parent has not waited for it yet.
    if (fields[0] === 'Z') return undefined
    return [boot, readlinkSync('/proc/self/ns/pid'), pid, fields[19]].join(' ')
  } catch {
    return undefined
  }
}
