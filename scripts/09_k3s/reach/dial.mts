import { connect } from 'node:net'
import { pauseFor } from '../../../lib/base/poll.mts'

export type Answer = 'open' | 'silent' | 'refused' | 'unreachable'

/** Tries one TCP port from this machine until it opens or the time is over. @returns the last answer */
export async function dialUntil(address: string, port: number, milliseconds: number): Promise<Answer> {
  const end = performance.now() + milliseconds
  for (;;) {
    const answer = await dial(address, port, end - performance.now())
    // A refusal comes at once: whoever listens may only be about to.
    if (answer === 'open' || performance.now() > end - 300) return answer
    await pauseFor(300)
  }
}

/** Tries one TCP port from this machine once. @param milliseconds until it counts as silent */
export const dial = (address: string, port: number, milliseconds: number): Promise<Answer> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (answer: Answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(Math.max(1, milliseconds), () => end('silent'))
    socket.on('connect', () => end('open'))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? 'refused' : 'unreachable'),
    )
  })
