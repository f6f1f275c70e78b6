import type { KeybuzzSettings } from './module.mts'

// What the two parts are called, and where they are reached.

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
