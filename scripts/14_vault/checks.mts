import { standardChecks } from '../../lib/checks/standard.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { intervalSeconds } from './check-pod.mts'
import { injects, valueWithin, waiting } from './checks-injection.mts'
import { application, labels, leader, refused, webhookTrust } from './checks-injector.mts'
import { health, keys, logins, scope } from './checks-vault.mts'
import type { vault } from './module.mts'
import { injectorName, injectorNamespace } from './names.mts'

export const checks: ChecksOf<typeof vault> = [
  // The namespace is the same in every environment.
  ...standardChecks(application).map((check) => ({
    ...check,
    fix: check.fix.replaceAll('NAMESPACE', injectorNamespace),
    places: () => ({ POD: `--selector app.kubernetes.io/name=${injectorName}` }),
  })),
  webhookTrust,
  leader,
  injects,
  labels,
  health,
  keys,
  logins,
  scope,
  valueWithin(intervalSeconds + 10),
  waiting,
  refused,
]
