import { failed, passed, warning } from '../../lib/checks/checks.mts'
import { crashAnswer, readyAnswer, spreadAnswer } from '../../lib/checks/pods.mts'
import { firstThatRuns, unreachedIn, waysToReach, type Target } from './inside.mts'
import { allPodsOf, parts, podsOf, type KeybuzzCheck } from './session.mts'

// What the cluster says of the API's and the front's pods, and what these pods can reach.

export const ready: KeybuzzCheck = {
  id: 'keybuzz.ready',
  title: 'Every pod of API and front is ready',
  fix: 'kubectl -n NAMESPACE logs POD: readiness asks the health path; it fails while a backend it needs is away',
  ask: async (tools) => readyAnswer(await allPodsOf(tools), parts),
}

export const backends: KeybuzzCheck = {
  id: 'keybuzz.backends',
  title: 'Every pod of the API reaches PostgreSQL, Redis and RabbitMQ',
  fix: 'the address or the firewall between that pod’s node and the backend; pg_hba.conf for logins',
  async ask(tools) {
    const { settings } = tools
    const targets: Target[] = [
      [settings.POSTGRES_HOST, settings.POSTGRES_PORT],
      [settings.REDIS_HOST, settings.REDIS_PORT],
      [settings.RABBITMQ_HOST, settings.RABBITMQ_PORT],
    ]
    const pods = await podsOf(tools, 'api')
    if (pods.length === 0) return failed('there is no pod of the API')
    const wrong: string[] = []
    for (const pod of pods) {
      const said = await firstThatRuns(waysToReach(targets), (argv) => tools.kube.runIn(pod, argv))
      if (said === undefined)
        return warning('its image has neither node, python3 nor nc: nobody can ask from inside')
      const unreached = unreachedIn(said, targets).map((what) => `${pod.metadata.name}: ${what}`)
      wrong.push(...unreached)
    }
    return wrong.length === 0
      ? passed(`${targets.length} from each of ${pods.length} pods`)
      : failed(wrong.join(', '))
  },
}

export const spread: KeybuzzCheck = {
  id: 'keybuzz.spread',
  title: 'API and front stand on two nodes each',
  fix: 'one node is full or away: kubectl -n NAMESPACE get pods -o wide, then delete one of the two pods',
  ask: async (tools) => spreadAnswer(await allPodsOf(tools), parts),
}

export const restarts: KeybuzzCheck = {
  id: 'keybuzz.restarts',
  title: 'No container crashed in the last ten minutes',
  fix: 'kubectl -n NAMESPACE logs POD --previous shows its last lines',
  ask: async (tools) => crashAnswer(await allPodsOf(tools)),
}
