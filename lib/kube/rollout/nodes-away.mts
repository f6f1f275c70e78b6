import { isInterruption, messageOf } from '../../base/errors.mts'
import { record } from '../../base/log.mts'
import { uncordon } from '../cluster-faults.mts'
import { isReady } from '../cluster-view.mts'
import type { Kubectl } from '../kubectl.mts'

/** The scheduler's words when a node is cordoned or does not answer; it names none. */
const away = /\bunschedulable\b|node\.kubernetes\.io\/(unreachable|not-ready)\b/

/**
 * What to do when a pod finds no node: first about nodes that are cordoned or do not answer, by name.
 * @param words of the scheduler; any other message leads to `next` alone
 * @param next what else helps
 * @throws Cancelled (130) or KitError exit 143 on a signal
 */
export async function nextForNodes(kubectl: Kubectl, words: string, next: string): Promise<string> {
  if (!away.test(words)) return next
  try {
    const nodes = await kubectl.api.list('nodes')
    const cordoned = uncordon(nodes)
    const down = nodes.filter((node) => !isReady(node)).map(({ metadata }) => metadata.name)
    return [
      ...(cordoned === undefined ? [] : [`${cordoned}   when its maintenance is over`]),
      ...(down.length === 0 ? [] : [`start ${down.join(', ')} again, not Ready now`]),
      next,
    ].join('; or ')
  } catch (thrown) {
    if (isInterruption(thrown)) throw thrown
    // Nodes that cannot be listed must not hide why the pod does not start.
    record(`the nodes cannot be listed: ${messageOf(thrown)}`)
    return next
  }
}
