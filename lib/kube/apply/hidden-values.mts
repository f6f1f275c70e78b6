import { saysSecret } from '../../base/sensitive.mts'
import { isMap } from './diff.mts'
import type { Manifest } from '../types.mts'

// Pure: which values of an object are shown in plans and conflicts. A value set by hand in the cluster may be a
// password too, and is not registered for redaction.

/** Fields that refer to a Secret and contain no secret value. */
const referring =
  /(secretKeyRef|secretRef|secretName|imagePullSecrets|secretProviderClass|ServiceAccountToken)/

/** `DB_PASSWORD` of `spec.template.spec.containers[n8n].env[DB_PASSWORD].value`; else the last word of a path. */
const nameIn = (path: string): string =>
  /\[([^\]]+)\]\.value$/.exec(path)?.[1] ?? path.split('.').at(-1) ?? ''

/** True when the value at `path` must not be shown on screen, in logs and reports. @param path as in FieldChange */
export function isHidden({ kind }: Pick<Manifest, 'kind'>, path: string): boolean {
  if (kind === 'Secret' && /^(data|stringData)(\.|$)/.test(path)) return true
  return !referring.test(path) && saysSecret(nameIn(path))
}

/** A password in the address of a server (`redis://:PASSWORD@host`, up to the last `@`) or of an account without one. */
const inAddress = /:\/\/(?:[^\s:/@]*:[^\s'"]*|[^\s:/@]+)@/g

/** `--admin-password=VALUE`, `PGPASSWORD=VALUE`: an option or variable within a command line. */
const assigned = /([\w.-]+)=("[^"]*"|'[^']*'|[^\s&;]+)/g

/** A text without the passwords it shows that it contains. */
const withoutPasswords = (text: string): string =>
  text
    .replaceAll(inAddress, '://***@')
    .replaceAll(assigned, (whole, name: string) => (saysSecret(name) ? `${name}=***` : whole))

/** True for an option of a command line whose value, the next word, is a secret: `--admin-password`. */
const wantsSecret = (word: unknown): boolean =>
  typeof word === 'string' && /^--?[\w.-]+$/.test(word) && saysSecret(word)

/** A copy of a value with secret parts, at any depth, replaced by `***`. @param kind of the object the value is in */
export function withoutHidden(value: unknown, kind = ''): unknown {
  if (typeof value === 'string') return withoutPasswords(value)
  if (Array.isArray(value))
    return value.map((item: unknown, at) =>
      typeof item === 'string' && wantsSecret(value[at - 1]) ? '***' : withoutHidden(item, kind),
    )
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
