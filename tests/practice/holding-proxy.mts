import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'

// `kubectl proxy` for a test that must act between two requests of the kit: it makes the file `asking` when the first
// request of a method comes, and passes it on when the file `go` is there. Everything else passes as it comes.
// Arguments: the method, the folder of both files, and the kubectl with its words.

const [method = '', folder = '', program = '', ...words] = process.argv.slice(2)
const option = '--unix-socket='
const socket = words.find((word) => word.startsWith(option))?.slice(option.length) ?? ''
const behind = `${socket}.real`
const proxy = spawn(
  program,
  words.map((word) => (word.startsWith(option) ? `${option}${behind}` : word)),
  { stdio: 'inherit' },
)
proxy.on('exit', (code) => process.exit(code ?? 1))
while (!existsSync(behind)) await setTimeout(20)

let held = false
/** Every request of the kit begins a piece of its own: it writes one when it has read the answer to the last. */
async function mayPass(piece: Buffer): Promise<void> {
  if (held || !piece.toString('latin1').startsWith(`${method} `)) return
  held = true
  writeFileSync(`${folder}/asking`, '')
  while (!existsSync(`${folder}/go`)) await setTimeout(50)
}

async function passOn(from: Socket, to: Socket): Promise<void> {
  for await (const piece of from as AsyncIterable<Buffer>) {
    await mayPass(piece)
    if (!to.write(piece)) await once(to, 'drain')
  }
  to.end()
}

createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ path: behind, allowHalfOpen: true })
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const)
    passOn(from, to).catch(() => {
      from.destroy()
      to.destroy()
    })
}).listen(socket)
