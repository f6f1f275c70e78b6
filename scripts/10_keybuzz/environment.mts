import { sensitive, type Sensitive, strictlyPercent } from '../../lib/base/sensitive.mts'
import { allCasPath, caPath } from '../../lib/kube/manifests/backend-trust.mts'
import { sslModeOf, tlsOf, type TlsBackend } from '../../lib/settings/backend-tls.mts'
import { valuesIn } from '../../lib/settings/env-values.mts'
import { names } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

// The environment variables of the API and the front: plain values, and those from Secrets, or from files of Vault.

const publicNames = ({ API_HOST, FRONT_HOST, TIMEZONE }: KeybuzzSettings) => ({
  API_URL: `https://${API_HOST}`,
  FRONT_URL: `https://${FRONT_HOST}`,
  TZ: TIMEZONE,
})

/** The data of the API's ConfigMap. @throws KitError exit 2, see ownValues */
export const apiValues = (settings: KeybuzzSettings) => ({
  ...publicNames(settings),
  PORT: settings.API_PORT,
  DATABASE_POOL_MAX: settings.API_POOL,
  PGHOST: settings.POSTGRES_HOST,
  PGPORT: settings.POSTGRES_PORT,
  PGDATABASE: names.database(settings.ENV),
  PGUSER: names.database(settings.ENV),
  REDIS_HOST: settings.REDIS_HOST,
  REDIS_PORT: settings.REDIS_PORT,
  REDIS_DB: settings.API_REDIS_DB,
  RABBITMQ_HOST: settings.RABBITMQ_HOST,
  RABBITMQ_PORT: settings.RABBITMQ_PORT,
  RABBITMQ_USER: settings.RABBITMQ_USER,
  RABBITMQ_VHOST: settings.RABBITMQ_VHOST,
  ...tlsValues(settings),
})

/** Variables for backends with TLS only: libpq's own for PostgreSQL; mode and CA file for the two others. */
function tlsValues(settings: KeybuzzSettings): Record<string, string> {
  const modeOf = (backend: TlsBackend) => {
    const { mode } = tlsOf(settings, backend)
    return mode === 'off' ? undefined : mode
  }
  const values = {
    PGSSLMODE: sslModeOf(settings),
    PGSSLROOTCERT: caPath(settings, 'POSTGRES'),
    REDIS_TLS: modeOf('REDIS'),
    REDIS_CA: caPath(settings, 'REDIS'),
    RABBITMQ_TLS: modeOf('RABBITMQ'),
    RABBITMQ_CA: caPath(settings, 'RABBITMQ'),
    // A file of CAs that the operator set is kept: it must contain these CAs too.
    NODE_EXTRA_CA_CERTS:
      'NODE_EXTRA_CA_CERTS' in ownValues(settings, 'api') ? undefined : allCasPath(settings),
  }
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}

/** The data of the front's ConfigMap. */
export const frontValues = (settings: KeybuzzSettings) => ({
  ...publicNames(settings),
  PORT: settings.FRONT_PORT,
})

/** The API's secret values, for its Secret or for Vault: passwords by the settings' keys, and the URLs that contain them. */
export const apiSecrets = (settings: KeybuzzSettings) => ({
  API_POSTGRES_PASSWORD: settings.API_POSTGRES_PASSWORD,
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
  RABBITMQ_PASSWORD: settings.RABBITMQ_PASSWORD,
  ...urls(settings),
})

/** The API's variables with these values, each with its key there. */
export const apiVariables = {
  DATABASE_URL: 'DATABASE_URL',
  REDIS_URL: 'REDIS_URL',
  RABBITMQ_URL: 'RABBITMQ_URL',
  PGPASSWORD: 'API_POSTGRES_PASSWORD',
  REDIS_PASSWORD: 'REDIS_PASSWORD',
  RABBITMQ_PASSWORD: 'RABBITMQ_PASSWORD',
}

/** Variables in the operator's file for one part; none without a file. @throws KitError exit 2 for an invalid file */
export const ownValues = (settings: KeybuzzSettings, part: 'api' | 'front') =>
  valuesIn(`10_keybuzz.${part}.env`, part === 'api' ? settings.API_ENV : settings.FRONT_ENV)

/** The operator's file for one part, by its setting's key. */
export const fileOf = (
  settings: KeybuzzSettings,
  part: 'api' | 'front',
): Record<string, Sensitive | undefined> =>
  part === 'api' ? { API_ENV: settings.API_ENV } : { FRONT_ENV: settings.FRONT_ENV }

/** URLs of the backends by variable. User, password and virtual host may have any character: percent-encoded. */
export function urls(settings: KeybuzzSettings): Record<string, Sensitive> {
  const { POSTGRES_HOST, POSTGRES_PORT, REDIS_HOST, REDIS_PORT, API_REDIS_DB } = settings
  const { RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_VHOST } = settings
  const database = names.database(settings.ENV)
  const ca = caPath(settings, 'POSTGRES')
  const mode = sslModeOf(settings)
  const query = mode === undefined ? '' : `?sslmode=${mode}`
  const root = ca === undefined ? '' : `&sslrootcert=${ca}`
  const login = (user: string, password: Sensitive) =>
    `${strictlyPercent(user)}:${strictlyPercent(password.reveal())}`
  return {
    DATABASE_URL: sensitive(
      `postgresql://${login(database, settings.API_POSTGRES_PASSWORD)}@${POSTGRES_HOST}:${POSTGRES_PORT}/${database}${query}${root}`,
    ),
    REDIS_URL: sensitive(
      `${tlsOf(settings, 'REDIS').mode === 'off' ? 'redis' : 'rediss'}://${login('', settings.REDIS_PASSWORD)}@${REDIS_HOST}:${REDIS_PORT}/${API_REDIS_DB}`,
    ),
    RABBITMQ_URL: sensitive(
      `${tlsOf(settings, 'RABBITMQ').mode === 'off' ? 'amqp' : 'amqps'}://${login(RABBITMQ_USER, settings.RABBITMQ_PASSWORD)}@${RABBITMQ_HOST}:${RABBITMQ_PORT}/${strictlyPercent(RABBITMQ_VHOST)}`,
    ),
  }
}
