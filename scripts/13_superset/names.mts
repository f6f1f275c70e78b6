import { namesOf } from '../../lib/base/names.mts'

/** What this module is known by. */
export const identity = { number: 13, slug: 'superset' } as const

export const names = namesOf(identity)

/** The three kinds of process. */
export type Part = 'web' | 'worker' | 'beat'

/** The name of the Deployment of each: `superset` for web, like its Service; `superset-worker`. */
export const deploymentOf = (part: Part): string => (part === 'web' ? 'superset' : `superset-${part}`)
