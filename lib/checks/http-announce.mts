import type { ClientRequest } from 'node:http'
import { readAnswer, within, type HttpAnswer, type Target } from './http-exchange.mts'

// One request that announces a large body and sends only its beginning: a server or proxy that refuses the length
// answers early, and one that accepts it does not have to receive the rest.

/** Bytes of one piece. */
const piece = 16 * 1024

/** Most bytes that are sent of any body. */
export const mostAnnounced = 1024 * 1024

/** Milliseconds after the first piece (a server that refuses the length answers now), each other one, the last one. */
const [first, between, afterwards] = [500, 50, 2000]

/** The result of a request whose body was announced and not sent completely. */
export interface Announced {
  /** The response that came meanwhile; undefined when the server waits for more of the body. */
  readonly answer: HttpAnswer | undefined
  /** Bytes of the body that were sent. */
  readonly sent: number
}

/**
 * Sends the headers of a request with a body of so many bytes, then its beginning, 1 MiB at most, until a response
 * comes.
 * @throws KitError exit 6 without a response when the connection breaks, exit 7 when its certificate is not accepted,
 *   exit 2 when plain HTTP would go to a public address
 */
export const announce = (target: Target, bytes: number): Promise<Announced> =>
  within(target, (open, resolve, reject) => {
    let sent = 0
    let isAnswered = false
    let timer: NodeJS.Timeout | undefined
    const most = Math.min(mostAnnounced, bytes - 1)
    const end = (answer: HttpAnswer | undefined) => {
      clearTimeout(timer)
      resolve({ answer, sent })
      request.destroy()
    }
    const request: ClientRequest = open((response) => {
      isAnswered = true
      clearTimeout(timer)
      readAnswer(response).then(end, reject)
    })
    request.setHeader('content-length', bytes).on('close', () => clearTimeout(timer))
    const go = () => {
      const next = Math.min(piece, most - sent)
      if (next === 0) return void (timer = setTimeout(() => end(undefined), afterwards))
      sent += next
      // The next piece follows when this one was written: a slow server gets no more than it reads.
      request.write(Buffer.alloc(next, 'a'), () => {
        if (!request.destroyed && !isAnswered) timer = setTimeout(go, sent === piece ? first : between)
      })
    }
    go()
  })
