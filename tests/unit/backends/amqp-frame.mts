/** A method frame of AMQP 0-9-1, as a server sends it. @param group the class: 10 is connection */
export function amqpFrame(group: number, method: number, rest = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(11)
  head[0] = 1
  head.writeUInt32BE(4 + rest.length, 3)
  head.writeUInt16BE(group, 7)
  head.writeUInt16BE(method, 9)
  return Buffer.concat([head, rest, Buffer.from([0xce])])
}
