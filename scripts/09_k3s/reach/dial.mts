import { connect } from 'node:net'
import { pauseFor } from '../../../lib/base/poll.mts'

/** What came back from a port: `silent` is no answer in time, `unreachable` any other error than a refusal. */
export type Answer = 'open' | 'silent' | 'refused' | 'unreachable'

/**
 * Connects to a TCP port from this machine, again and again until it is open or the time has passed.
 * @returns the last answer
 * @throws Cancelled (130) or KitError exit 143 on a signal, see pauseFor
 */
export async function dialUntil(address: string, port: number, milliseconds: number): Promise<Answer> {
  const end = performance.now() + milliseconds
  for (;;) {
    const answer = await dial(address, port, end - performance.now())
    // A refusal comes at once, and the program may begin to listen a moment later.
    if (answer === 'open' || performance.now() > end - 300) return answer
    await pauseFor(300)
  }
}

/** Connects to a TCP port from this machine once. @param milliseconds until it counts as silent */
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
