import { namesOf } from '../../lib/base/names.mts'

/** What this module is known by. */
export const identity = { number: 12, slug: 'n8n' } as const

export const names = namesOf(identity)
