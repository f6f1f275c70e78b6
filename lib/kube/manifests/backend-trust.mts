import type { Sensitive } from '../../base/sensitive.mts'
import { sensitive } from '../../base/sensitive.mts'
import { tlsBackends, tlsOf, type TlsBackend } from '../../settings/backend-tls.mts'
import type { Settings } from '../../settings/settings.mts'
import type { Container, Secret, Volume } from '../types.mts'
import { secretEnv } from './objects.mts'

// The CAs of the backends as files of one Secret, mounted into pods when any backend's TLS mode is `verify`.

/** Name of the Secret and of the volume. Its keys are the settings' keys: a lost settings file is restored from it. */
const name = 'backend-cas'
const folder = '/etc/keybuzz/backends'
/** Key of all CAs in one file, for programs that accept a single CA file. */
const together = 'ALL_CAS'

/** Path in a container of a backend's CA; undefined unless its TLS mode is `verify`. */
export const caPath = (settings: Settings, backend: TlsBackend): string | undefined =>
  tlsOf(settings, backend).ca === undefined ? undefined : `${folder}/${backend}_CA`

/** Path in a container of the CAs of all backends in one file; undefined when no backend is verified. */
export const allCasPath = (settings: Settings): string | undefined =>
  Object.keys(casOf(settings)).length === 0 ? undefined : `${folder}/${together}`

/** PEM texts of the CAs by setting key. Pods must be restarted when they change (restartOn). */
export const casOf = (settings: Settings): Readonly<Record<string, Sensitive>> =>
  Object.fromEntries(
    (Object.keys(tlsBackends) as TlsBackend[]).flatMap((backend) => {
      const { ca } = tlsOf(settings, backend)
      return ca === undefined ? [] : [[`${backend}_CA`, sensitive(ca)]]
    }),
  )

/** The Secret with the CAs; empty when no backend is verified. */
export function caSecrets(namespace: string, settings: Settings): Secret[] {
  const cas = casOf(settings)
  const texts = Object.values(cas).map((ca) => ca.reveal().trimEnd())
  if (texts.length === 0) return []
  return [secretEnv(namespace, name, { ...cas, [together]: sensitive(`${texts.join('\n')}\n`) })]
}

/** The pod volume of the Secret with the CAs; empty when no backend is verified. */
export const caVolumes = (settings: Settings): Volume[] =>
  allCasPath(settings) === undefined ? [] : [{ name, secret: { secretName: name } }]

/** The mount of that volume in a container; empty when no backend is verified. */
export const caMounts = (settings: Settings): NonNullable<Container['volumeMounts']> =>
  allCasPath(settings) === undefined ? [] : [{ name, mountPath: folder, readOnly: true }]
