import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { names } from './names.mts'
import type { SupersetSettings } from './settings.mts'

/** Superset's pods, as the checks see them that every application has. */
export const application: CheckedApplication<SupersetSettings> = {
  name: 'superset',
  namespace: names.namespace,
  parts: ['web', 'worker', 'beat'],
  spread: ['web', 'worker'],
  readiness: 'a web pod asks /health of itself, worker and beat for the file their Celery touches',
}
