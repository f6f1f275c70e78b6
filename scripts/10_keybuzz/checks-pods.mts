import { failed, passed, warning } from '../../lib/checks/checks.mts'
import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { firstThatRuns, unreachedIn, waysToReach, type Target } from './inside.mts'
import { names } from './names.mts'
import { parts, podsOf, type KeybuzzCheck } from './session.mts'
import type { KeybuzzSettings } from './settings.mts'

// The pods of API and front, for the standard checks; and whether those of the API reach the backends.

/** API and front, for the standard checks of every application. */
export const application: CheckedApplication<KeybuzzSettings> = {
  name: 'keybuzz',
  namespace: names.namespace,
  parts,
  readiness: 'readiness asks the health path; it fails while a backend it needs is away',
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
      const said = await firstThatRuns(waysToReach(targets), (argv) =>
        tools.kube.runIn(pod, argv, { isRepeatable: true }),
      )
      if (said === undefined)
        return warning('its image has neither node, python3 nor nc: it cannot be asked from inside')
      const unreached = unreachedIn(said, targets).map((what) => `${pod.metadata.name}: ${what}`)
      wrong.push(...unreached)
    }
    return wrong.length === 0
      ? passed(`${targets.length} from each of ${pods.length} pods`)
      : failed(wrong.join(', '))
  },
}
