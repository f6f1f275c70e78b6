import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as openSocket, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A port that accepts no further connection and refuses none: its packets get no answer, as those of a dead host. */
export async function startDeadPort() {
  const listen =
    "require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })"
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGSTOP')
  const port = Number(String(line))
  const sockets: Socket[] = []
  let isFull = false
  for (let asked = 0; !isFull && asked < 8; asked += 1) {
    const socket = openSocket(port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    isFull = await Promise.race([once(socket, 'connect').then(() => false), pause(300, true)])
  }
  assert.ok(isFull, 'its queue is full')
  return {
    port,
    close() {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}
