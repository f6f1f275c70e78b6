import { namesOf } from '../../lib/base/names.mts'

/** What this module is known by. */
export const identity = { number: 13, slug: 'superset' } as const

export const names = namesOf(identity)

/** The three kinds of process. */
export type Part = 'web' | 'worker' | 'beat'

/** The Deployment of each: web is `superset`, as its Service. */
export const deploymentOf = (part: Part): string => (part === 'web' ? 'superset' : `superset-${part}`)
