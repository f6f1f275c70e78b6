import type { Sensitive } from '../../base/sensitive.mts'
import { sensitive } from '../../base/sensitive.mts'
import { tlsBackends, tlsOf, type TlsBackend } from '../../settings/backend-tls.mts'
import type { Settings } from '../../settings/settings.mts'
import type { Container, Secret, Volume } from '../types.mts'
import { secretEnv } from './objects.mts'

// The CAs of the backends, as pods read them: files of one Secret, where any backend is verified.

/** The Secret, and the volume. Its keys are the settings' keys: a lost file is filled again from it. */
const name = 'backend-cas'
const folder = '/etc/keybuzz/backends'
/** All of them in one file, for programs that know one list of CAs. */
const together = 'ALL_CAS'

/** Where a pod finds the CA of a backend; undefined when it is not verified. */
export const caPath = (settings: Settings, backend: TlsBackend): string | undefined =>
  tlsOf(settings, backend).ca === undefined ? undefined : `${folder}/${backend}_CA`

/** Where a pod finds the CAs of all backends; undefined when none is verified. */
export const allCasPath = (settings: Settings): string | undefined =>
  Object.keys(casOf(settings)).length === 0 ? undefined : `${folder}/${together}`

/** What pods must be restarted for when it changes. */
export const casOf = (settings: Settings): Readonly<Record<string, Sensitive>> =>
  Object.fromEntries(
    (Object.keys(tlsBackends) as TlsBackend[]).flatMap((backend) => {
      const { ca } = tlsOf(settings, backend)
      return ca === undefined ? [] : [[`${backend}_CA`, sensitive(ca)]]
    }),
  )

/** The Secret; none when no backend is verified. */
export function caSecrets(namespace: string, settings: Settings): Secret[] {
  const cas = casOf(settings)
  const texts = Object.values(cas).map((ca) => ca.reveal().trimEnd())
  if (texts.length === 0) return []
  return [secretEnv(namespace, name, { ...cas, [together]: sensitive(`${texts.join('\n')}\n`) })]
}

/** The volume of a pod whose containers mount it. */
export const caVolumes = (settings: Settings): Volume[] =>
  allCasPath(settings) === undefined ? [] : [{ name, secret: { secretName: name } }]

export const caMounts = (settings: Settings): NonNullable<Container['volumeMounts']> =>
  allCasPath(settings) === undefined ? [] : [{ name, mountPath: folder, readOnly: true }]
