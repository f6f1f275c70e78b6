import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

// A TCP proxy on loopback that makes the way to an address longer. It prints its port, and runs until it is killed.
// Arguments: host, port, and the milliseconds it adds to a request with its answer.

const [host = '', port = '', added = ''] = process.argv.slice(2)
const milliseconds = Number(added) / 2

/** Timers of one length end in the order they were started: pieces stay in theirs. */
function passOn(from: Socket, to: Socket): void {
  from.on('data', (piece) => setTimeout(() => to.write(piece), milliseconds))
  from.on('end', () => setTimeout(() => to.end(), milliseconds))
  from.on('error', () => to.destroy())
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
  passOn(near, far)
  passOn(far, near)
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
