import { namesOf } from '../../lib/base/names.mts'
import type { KeybuzzSettings } from './settings.mts'

// What the module and its two parts are called, and where these are reached.

/** What this module is known by. */
export const identity = { number: 10, slug: 'keybuzz' } as const

export const names = namesOf(identity)

export type Part = 'api' | 'front'
export type Images = Readonly<Record<'keybuzz-api' | 'keybuzz-front', string>>

/** `keybuzz-api` and `keybuzz-front`: Deployment, Service, autoscaler, budget, ConfigMap, Secret and Ingress alike. */
export const nameOf = (part: Part): `keybuzz-${Part}` => `keybuzz-${part}`
export const portOf = (settings: KeybuzzSettings, part: Part): number =>
  part === 'api' ? settings.API_PORT : settings.FRONT_PORT
export const hostOf = (settings: KeybuzzSettings, part: Part): string =>
  part === 'api' ? settings.API_HOST : settings.FRONT_HOST
export const healthOf = (settings: KeybuzzSettings, part: Part): string =>
  part === 'api' ? settings.API_HEALTH : settings.FRONT_HEALTH
