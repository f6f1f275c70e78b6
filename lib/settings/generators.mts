import { randomInt, randomBytes } from 'node:crypto'

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const digits = '23456789'

/**
 * A random password of letters and digits only, safe in any file, URL or shell; always with a capital and a digit.
 * @param length characters, at least 2
 */
export function password(length = 32): string {
  const alphabet = letters + digits
  const pick = (from: string) => from.charAt(randomInt(from.length))
  const middle = Array.from({ length: length - 2 }, () => pick(alphabet)).join('')
  return pick(letters.slice(0, 24)) + middle + pick(digits)
}

/** A random key in hexadecimal. @param bytes of the key: the text has twice as many characters */
export const hexKey = (bytes = 32): string => randomBytes(bytes).toString('hex')
