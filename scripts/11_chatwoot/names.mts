import { namesOf } from '../../lib/base/names.mts'

/** What this module is known by. */
export const identity = { number: 11, slug: 'chatwoot' } as const

export const names = namesOf(identity)
