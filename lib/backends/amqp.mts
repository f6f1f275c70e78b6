// Pure: the few frames of AMQP 0-9-1 that a login needs. A client library would add channels, queues and reconnects,
// which the kit does not use.

/** The first bytes that a client sends. */
export const protocolHeader = Buffer.from('AMQP\0\0\t\x01', 'latin1')

/** A method by its class and number, and the bytes of its arguments. */
export interface Method {
  readonly name: string
  readonly rest: Buffer
}

const frameEnd = 0xce
const methodFrame = 1

/** `10.30` is connection.tune: class 10, method 30 (AMQP 0-9-1, section 1.4). */
export const methods = {
  start: '10.10',
  startOk: '10.11',
  tune: '10.30',
  tuneOk: '10.31',
  open: '10.40',
  openOk: '10.41',
  close: '10.50',
} as const

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** @throws RangeError when the text has more than 255 bytes */
const shortText = (text: string): Buffer =>
  Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)])

const longText = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes])

const frame = (name: string, ...args: Buffer[]): Buffer => {
  const [group = 0, method = 0] = name.split('.').map(Number)
  const payload = Buffer.concat([uint16(group), uint16(method), ...args])
  return Buffer.concat([
    Buffer.from([methodFrame]),
    uint16(0),
    uint32(payload.length),
    payload,
    Buffer.from([frameEnd]),
  ])
}

/** Requests a reason for a refused login (connection.close), instead of a closed connection. */
const capabilities = (): Buffer => {
  const said = Buffer.concat([shortText('authentication_failure_close'), Buffer.from('t\x01', 'latin1')])
  return longText(Buffer.concat([shortText('capabilities'), Buffer.from('F'), longText(said)]))
}

/** connection.start-ok: the login with SASL PLAIN. */
export const startOk = (user: string, password: string): Buffer =>
  frame(
    methods.startOk,
    capabilities(),
    shortText('PLAIN'),
    longText(Buffer.from(`\0${user}\0${password}`)),
    shortText('en_US'),
  )

/** connection.tune-ok: accepts the server's limits, without heartbeat: the connection is short. */
export const tuneOk = ({ rest }: Method): Buffer => frame(methods.tuneOk, rest.subarray(0, 6), uint16(0))

/** connection.open of a virtual host. @throws RangeError when its name has more than 255 bytes */
export const open = (vhost: string): Buffer =>
  frame(methods.open, shortText(vhost), shortText(''), Buffer.from([0]))

/** connection.close with reply code 200. */
export const close = (): Buffer => frame(methods.close, uint16(200), shortText('done'), uint32(0))

/**
 * The first method in the received bytes, and the number of bytes it takes; undefined while it is incomplete.
 * @throws Error when the bytes are not AMQP 0-9-1
 */
export function readMethod(bytes: Buffer): { method: Method; length: number } | undefined {
  if (bytes.length < 7) return undefined
  const length = 7 + bytes.readUInt32BE(3) + 1
  if (bytes[0] !== methodFrame || length > 131_072)
    throw new Error(`it does not speak AMQP 0-9-1: ${JSON.stringify(bytes.toString('latin1', 0, 16))}`)
  if (bytes.length < length) return undefined
  const payload = bytes.subarray(7, length - 1)
  const name = `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`
  return { method: { name, rest: payload.subarray(4) }, length }
}

/** The reply code and text of a connection.close. */
export const refusalIn = ({ rest }: Method): { code: number; text: string } => ({
  code: rest.readUInt16BE(0),
  text: rest.toString('utf8', 3, 3 + (rest[2] ?? 0)),
})
