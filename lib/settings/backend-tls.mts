import { isIP } from 'node:net'
import { authorityProblem } from '../base/certificate.mts'
import type { Sensitive } from '../base/sensitive.mts'
import type { Setting, Settings } from './settings.mts'

// TLS to the backends: settings of the same form for each, and how they are read.

/** The backends whose connections can be encrypted, by the prefix of their settings' keys. */
export type TlsBackend = 'POSTGRES' | 'REDIS' | 'RABBITMQ'

/** The backends' names as shown to operators. */
export const tlsBackends: Readonly<Record<TlsBackend, string>> = {
  POSTGRES: 'PostgreSQL',
  REDIS: 'Redis',
  RABBITMQ: 'RabbitMQ',
}

/** How a connection to a backend is secured: `require` encrypts it, `verify` also checks the server's certificate. */
export interface BackendTls {
  readonly mode: 'off' | 'require' | 'verify'
  /** PEM certificates of the CAs that sign the server's; undefined unless `verify`. */
  readonly ca: string | undefined
}

/** The two settings of one backend, for platform.env. */
export const tlsSettings = <const Backend extends TlsBackend>(backend: Backend) =>
  [
    {
      key: `${backend}_TLS`,
      title: `TLS to ${tlsBackends[backend]}`,
      help: 'off: passwords and data pass in clear, a warning of every report. require: encrypted, whoever answers. verify: encrypted, and the server’s certificate is for the host above and signed by the CA below',
      kind: 'choice',
      choices: ['off', 'require', 'verify'],
      default: 'off',
    },
    {
      key: `${backend}_CA`,
      title: `CA of ${tlsBackends[backend]}`,
      help: 'A PEM file with the certificates that sign the server’s; pods get it too',
      kind: 'file',
      when: (view) => view.text(`${backend}_TLS`) === 'verify',
      validate: (text: string) => authorityProblem(text),
    },
  ] as const satisfies readonly Setting[]

/** The TLS mode and CA of a backend; `off` for a module without the settings of that backend. */
export function tlsOf(settings: Settings, backend: TlsBackend): BackendTls {
  const mode = (settings[`${backend}_TLS`] ?? 'off') as BackendTls['mode']
  const ca = settings[`${backend}_CA`] as Sensitive | undefined
  return { mode, ca: mode === 'verify' ? ca?.reveal() : undefined }
}

/** The sslmode of libpq for the TLS mode of PostgreSQL; undefined when that is `off`. */
export function sslModeOf(settings: Settings): 'require' | 'verify-full' | undefined {
  const { mode } = tlsOf(settings, 'POSTGRES')
  if (mode === 'off') return undefined
  return mode === 'verify' ? 'verify-full' : 'require'
}

/** True when a backend's host is an IP address: its certificate must then contain that address. */
export const isByAddress = (settings: Settings, backend: TlsBackend): boolean =>
  isIP(String(settings[`${backend}_HOST`])) !== 0
