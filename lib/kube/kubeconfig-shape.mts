import { saysSecret } from '../base/sensitive.mts'
import { anyText, fields, listOf, mapOf, optionalOrNull, text, type Shape } from '../base/shape.mts'

/** Text that may be absent, null or empty, which kubectl takes for absent. */
const given: Shape<string | undefined> = (value, path) =>
  value === '' ? undefined : optionalOrNull(text)(value, path)

/** True for anything but false: kubectl reads YAML 1.1, in which `yes` and `on` are true too, `no` and `off` false. */
const isSet: Shape<boolean> = (value) =>
  ![undefined, null, false].includes(value as undefined) && !/^(no?|off)$/i.test(String(value))

/** The fields of a kubeconfig that are read here; kubectl reads the rest. An empty list is written as null. */
export const document = fields({
  'current-context': optionalOrNull(text),
  clusters: optionalOrNull(
    listOf(
      fields({
        name: text,
        cluster: fields({
          server: text,
          'certificate-authority-data': given,
          'tls-server-name': given,
          'proxy-url': given,
          'insecure-skip-tls-verify': isSet,
        }),
      }),
    ),
  ),
  contexts: optionalOrNull(
    listOf(fields({ name: text, context: fields({ cluster: text, user: optionalOrNull(text) }) })),
  ),
  users: optionalOrNull(
    listOf(
      fields({
        name: text,
        user: optionalOrNull(
          fields({
            'client-certificate-data': given,
            'client-key-data': given,
            token: given,
            password: given,
            exec: optionalOrNull(
              fields({
                command: given,
                args: optionalOrNull(listOf(anyText)),
                env: optionalOrNull(listOf(fields({ name: anyText, value: optionalOrNull(anyText) }))),
              }),
            ),
            'auth-provider': optionalOrNull(
              fields({ config: optionalOrNull(mapOf(optionalOrNull(anyText))) }),
            ),
          }),
        ),
      }),
    ),
  ),
})

/** A user of a kubeconfig. */
type User = NonNullable<NonNullable<ReturnType<typeof document>['users']>[number]['user']>

/** The credentials of a user: also those its login program gets, by the names of its variables and options. */
export function secretsOf(user: User | undefined): string[] {
  const named = [
    ...(user?.exec?.env ?? []).map(({ name, value }): [string, string | undefined] => [name, value]),
    ...(user?.exec?.args ?? []).flatMap((one): [string, string][] => {
      const [, name = '', value = ''] = /^(--?[^=]+)=(.+)$/s.exec(one) ?? []
      return [[name, value]]
    }),
    ...Object.entries(user?.['auth-provider']?.config ?? {}),
  ]
  return [
    ...[user?.token, user?.password, user?.['client-key-data']].flatMap((one) => one ?? []),
    ...named.flatMap(([name, value]) => (value !== undefined && saysSecret(name) ? [value] : [])),
  ]
}
