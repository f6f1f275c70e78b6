import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import { unlessInterrupted, wordsOf } from '../../lib/base/errors.mts'
import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { bucketOf } from './backends.mts'
import { names } from './names.mts'
import { heartbeatCommand } from './pods.mts'
import { podsOf, type ChatwootCheck } from './session.mts'
import type { ChatwootSettings } from './settings.mts'

/** Chatwoot's pods, for the standard checks of every application. */
export const application: CheckedApplication<ChatwootSettings> = {
  name: 'chatwoot',
  namespace: names.namespace,
  parts: ['web', 'worker'],
  aloneBecause: (settings) => (bucketOf(settings) === undefined ? 'there is no S3' : undefined),
  readiness: 'the web pod asks /api of itself, a worker for its heartbeat in Redis',
}

export const sidekiq: ChatwootCheck = {
  id: 'chatwoot.sidekiq',
  title: 'Every worker’s Sidekiq beats in Redis',
  fix: 'kubectl -n NAMESPACE logs POD: it hangs, or another Redis database is in its REDIS_URL',
  async ask(tools) {
    const pods = await podsOf(tools, 'worker')
    const silent: string[] = []
    for (const pod of pods) {
      const why = await tools.kube
        .runIn(pod, [...heartbeatCommand], { isRepeatable: true })
        .then(() => '', unlessInterrupted(wordsOf))
      if (why !== '') silent.push(`${pod.metadata.name}: ${shortened(why, 120)}`)
    }
    if (pods.length === 0) return failed('no pod of worker')
    const [POD = ''] = silent.map((one) => one.split(':')[0] ?? '')
    return silent.length === 0 ? passed(`${pods.length} workers beat`) : failed(silent.join(', '), { POD })
  },
}
