import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import { messageOf } from '../../lib/base/errors.mts'
import { crashAnswer, readyAnswer, spreadAnswer } from '../../lib/checks/pods.mts'
import { bucketOf } from './backends.mts'
import { heartbeatCommand } from './pods.mts'
import { allPodsOf, podsOf, type ChatwootCheck } from './session.mts'

// What the cluster says of Chatwoot's pods, and what a worker says of itself.

const parts = ['web', 'worker'] as const

export const ready: ChatwootCheck = {
  id: 'chatwoot.ready',
  title: 'Every pod of Rails and Sidekiq is ready',
  fix: 'kubectl -n NAMESPACE logs POD: the web pod asks /api of itself, a worker for its heartbeat in Redis',
  ask: async (tools) => readyAnswer(await allPodsOf(tools), parts),
}

export const sidekiq: ChatwootCheck = {
  id: 'chatwoot.sidekiq',
  title: 'Every worker’s Sidekiq beats in Redis',
  fix: 'kubectl -n NAMESPACE logs POD: it hangs, or another Redis database is in its REDIS_URL',
  async ask(tools) {
    const pods = await podsOf(tools, 'worker')
    const silent: string[] = []
    for (const pod of pods) {
      const why = await tools.kube.runIn(pod, [...heartbeatCommand]).then(() => '', messageOf)
      if (why !== '') silent.push(`${pod.metadata.name}: ${shortened(why, 120)}`)
    }
    if (pods.length === 0) return failed('no pod of worker')
    return silent.length === 0 ? passed(`${pods.length} workers beat`) : failed(silent.join(', '))
  },
}

export const spread: ChatwootCheck = {
  id: 'chatwoot.spread',
  title: 'Rails and Sidekiq stand on two nodes each',
  fix: 'one node is full or away: kubectl -n NAMESPACE get pods -o wide, then delete one of the two pods. Without S3 there is one pod each',
  async ask(tools) {
    const because = bucketOf(tools.settings) === undefined ? 'there is no S3' : undefined
    return spreadAnswer(await allPodsOf(tools), parts, because)
  },
}

export const restarts: ChatwootCheck = {
  id: 'chatwoot.restarts',
  title: 'No container crashed in the last ten minutes',
  fix: 'kubectl -n NAMESPACE logs POD --previous shows its last lines',
  ask: async (tools) => crashAnswer(await allPodsOf(tools)),
}
