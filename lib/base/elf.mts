import { open } from 'node:fs/promises'

/** Processors as `uname -m` names them, by e_machine of the ELF header. */
const machines: Readonly<Record<number, string>> = { 3: 'i686', 40: 'armv7l', 62: 'x86_64', 183: 'aarch64' }

/**
 * The processor a program is built for, by its ELF header.
 * @returns as `uname -m` names it: `x86_64`, `aarch64`; `unknown` for one that is not in the table; undefined for a
 *   file that is not in ELF format
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
  // Byte 5 of the header (EI_DATA): 1 for little-endian, as both processors that K3s supports.
  return header[5] === 1 ? (machines[header.readUInt16LE(18)] ?? 'unknown') : 'unknown'
}

/** The processor of this machine as `uname -m` names it. */
export const thisProcessor = (): string =>
  ({ x64: 'x86_64', arm64: 'aarch64' })[process.arch as string] ?? process.arch
