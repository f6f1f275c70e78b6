import { agentFailures } from '../../lib/backends/vault-failures.mts'
import { backendFailures } from '../../lib/kube/rollout/backend-failures.mts'
import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'
import { names } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

/** Known log lines of an API or front that cannot start, as common servers and clients write them. */
export const failures = (settings: KeybuzzSettings): readonly KnownFailure[] => [
  ...agentFailures(settings),
  {
    line: /ACCESS_REFUSED|PLAIN login refused/i,
    meaning: 'RabbitMQ refuses RABBITMQ_USER or its password.',
    next: 'correct RABBITMQ_USER and RABBITMQ_PASSWORD in platform.env, then install again',
  },
  {
    line: /\bexec: .*not found/,
    meaning: 'The command that it is started with names no program of the image.',
    next: 'correct API_COMMAND, FRONT_COMMAND, API_ENTRYPOINT, FRONT_ENTRYPOINT or API_MIGRATE in 10_keybuzz.env, then install again',
  },
  {
    line: /EROFS|read-only file system/i,
    meaning: 'It writes into a folder of its image, which is read-only.',
    next: 'name that folder in API_WRITABLE or FRONT_WRITABLE, then install again',
  },
  {
    line: /EACCES.*(:80|:443)\b|permission denied.*bind|bind\(\).*Permission denied/i,
    meaning: 'It wants a port below 1024, and its container has no rights.',
    next: 'let it listen on PORT, which the kit gives it, and set API_PORT or FRONT_PORT above 1023',
  },
  {
    line: /is not set|missing required environment/i,
    meaning: 'It wants a variable the kit does not give.',
    next: 'put it into 10_keybuzz.api.env or 10_keybuzz.front.env, then install again',
  },
  ...backendFailures({
    passwordSetting: 'API_POSTGRES_PASSWORD',
    program: '10_keybuzz_01_deploy_api',
    database: names.database(settings.ENV),
  }),
]
