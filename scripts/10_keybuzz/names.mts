import { namesOf } from '../../lib/base/names.mts'
import type { KeybuzzSettings } from './settings.mts'

// Names of the module and of its two parts, and their ports, hosts and health paths.

/** What this module is known by. */
export const identity = { number: 10, slug: 'keybuzz' } as const

export const names = namesOf(identity)

export type Part = 'api' | 'front'
export type Images = Readonly<Record<'keybuzz-api' | 'keybuzz-front', string>>

/** The name of a part's Deployment, Service, autoscaler, budget, ConfigMap, Secret and Ingress: `keybuzz-api`. */
export const nameOf = (part: Part): `keybuzz-${Part}` => `keybuzz-${part}`
/** The port of a part's container and Service. */
export const portOf = (settings: KeybuzzSettings, part: Part): number =>
  part === 'api' ? settings.API_PORT : settings.FRONT_PORT
/** The public name of a part. */
export const hostOf = (settings: KeybuzzSettings, part: Part): string =>
  part === 'api' ? settings.API_HOST : settings.FRONT_HOST
/** The path of a part that its probes and checks request: `/health`. */
export const healthOf = (settings: KeybuzzSettings, part: Part): string =>
  part === 'api' ? settings.API_HEALTH : settings.FRONT_HEALTH
