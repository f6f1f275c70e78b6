import type { LiveObject } from './k8s.mts'

/** The values of live Secrets by key: a lost settings file is filled from them. */
export const liveSecrets = (objects: readonly LiveObject[]): Readonly<Record<string, string>> =>
  Object.fromEntries(objects.filter(({ kind }) => kind === 'Secret').flatMap(decoded))

const decoded = (secret: LiveObject): [string, string][] =>
  Object.entries((secret['data'] ?? {}) as Record<string, string>).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString(),
  ])
