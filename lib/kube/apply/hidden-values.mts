import { saysSecret } from '../../base/sensitive.mts'
import { isMap } from './diff.mts'
import type { Manifest } from '../types.mts'

// Pure: which values of an object are shown in plans and conflicts. What operators set by hand in a cluster may be a
// password too, and no list of known values has it.

/** Names that point to a secret value and hold none. */
const referring =
  /(secretKeyRef|secretRef|secretName|imagePullSecrets|secretProviderClass|ServiceAccountToken)/

/** `DB_PASSWORD` of `spec.template.spec.containers[n8n].env[DB_PASSWORD].value`; else the last word of a path. */
const nameIn = (path: string): string =>
  /\[([^\]]+)\]\.value$/.exec(path)?.[1] ?? path.split('.').at(-1) ?? ''

/** Whether the value at `path` is kept from screen, log and report. */
export function isHidden({ kind }: Pick<Manifest, 'kind'>, path: string): boolean {
  if (kind === 'Secret' && /^(data|stringData)(\.|$)/.test(path)) return true
  return !referring.test(path) && saysSecret(nameIn(path))
}

/** A value as it may be shown: what is secret within it, at any depth, is `***`. */
export function withoutHidden(value: unknown, kind = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutHidden(item, kind))
  if (!isMap(value)) return value
  const own = typeof value['kind'] === 'string' ? value['kind'] : kind
  const name = typeof value['name'] === 'string' ? value['name'] : ''
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const hides =
        (typeof inner === 'string' && key === 'value' && saysSecret(name)) ||
        (typeof inner === 'string' && isHidden({ kind: own }, key)) ||
        (own === 'Secret' && (key === 'data' || key === 'stringData'))
      return [key, hides ? '***' : withoutHidden(inner, own)]
    }),
  )
}
