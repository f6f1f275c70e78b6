import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { names } from './names.mts'
import type { SupersetSettings } from './settings.mts'

/** Superset's pods, for the standard checks of every application. */
export const application: CheckedApplication<SupersetSettings> = {
  name: 'superset',
  namespace: names.namespace,
  parts: ['web', 'worker', 'beat'],
  spread: ['web', 'worker'],
  readiness: 'a web pod asks /health of itself, worker and beat for the file their Celery touches',
}
