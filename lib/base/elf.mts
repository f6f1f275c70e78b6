import { open } from 'node:fs/promises'

/** Machines of ELF headers (e_machine), by the words of `uname -m`. */
const machines: Readonly<Record<number, string>> = { 3: 'i686', 40: 'armv7l', 62: 'x86_64', 183: 'aarch64' }

/**
 * The processor a program is made for, by its ELF header.
 * @returns as `uname -m` names it: `x86_64`, `aarch64`; `unknown` for one not known here; undefined for a file that is
 *   no ELF program
 * @throws the error of the file system when it cannot be read
 */
export async function elfMachine(path: string): Promise<string | undefined> {
  const header = Buffer.alloc(20)
  const file = await open(path, 'r')
  try {
    const { bytesRead } = await file.read(header, 0, header.length, 0)
    if (bytesRead < header.length) return undefined
  } finally {
    await file.close()
  }
  if (header.readUInt32BE(0) !== 0x7f454c46) return undefined
  // Byte 5 of the header: 1 for little endian, which both processors of K3s are.
  return header[5] === 1 ? (machines[header.readUInt16LE(18)] ?? 'unknown') : 'unknown'
}

/** The processor of this machine as `uname -m` names it. */
export const thisProcessor = (): string =>
  ({ x64: 'x86_64', arm64: 'aarch64' })[process.arch as string] ?? process.arch
