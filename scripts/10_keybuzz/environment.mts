import { sensitive, type Sensitive, strictlyPercent } from '../../lib/base/sensitive.mts'
import { valuesIn } from './env-files.mts'
import { databaseNameOf, type KeybuzzSettings } from './module.mts'

// What the API and the front are told: plain values, and the secrets behind some of them.

const publicNames = ({ API_HOST, FRONT_HOST, TIMEZONE }: KeybuzzSettings) => ({
  API_URL: `https://${API_HOST}`,
  FRONT_URL: `https://${FRONT_HOST}`,
  TZ: TIMEZONE,
})

/** What the API reads from its ConfigMap. */
export const apiValues = (settings: KeybuzzSettings) => ({
  ...publicNames(settings),
  PORT: settings.API_PORT,
  DATABASE_POOL_MAX: settings.API_POOL,
  PGHOST: settings.POSTGRES_HOST,
  PGPORT: settings.POSTGRES_PORT,
  PGDATABASE: databaseNameOf(settings.ENV),
  PGUSER: databaseNameOf(settings.ENV),
  REDIS_HOST: settings.REDIS_HOST,
  REDIS_PORT: settings.REDIS_PORT,
  REDIS_DB: settings.API_REDIS_DB,
  RABBITMQ_HOST: settings.RABBITMQ_HOST,
  RABBITMQ_PORT: settings.RABBITMQ_PORT,
  RABBITMQ_USER: settings.RABBITMQ_USER,
  RABBITMQ_VHOST: settings.RABBITMQ_VHOST,
})

/** What the front reads from its ConfigMap. */
export const frontValues = (settings: KeybuzzSettings) => ({
  ...publicNames(settings),
  PORT: settings.FRONT_PORT,
})

/** What the API's Secret holds: passwords by the settings' keys, and the addresses that contain them. */
export const apiSecrets = (settings: KeybuzzSettings) => ({
  API_POSTGRES_PASSWORD: settings.API_POSTGRES_PASSWORD,
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
  RABBITMQ_PASSWORD: settings.RABBITMQ_PASSWORD,
  ...urls(settings),
})

/** The Secret's keys behind the API's variables. */
export const apiVariables = {
  DATABASE_URL: 'DATABASE_URL',
  REDIS_URL: 'REDIS_URL',
  RABBITMQ_URL: 'RABBITMQ_URL',
  PGPASSWORD: 'API_POSTGRES_PASSWORD',
  REDIS_PASSWORD: 'REDIS_PASSWORD',
  RABBITMQ_PASSWORD: 'RABBITMQ_PASSWORD',
}

/** The operator's own environment of one of the two. */
export const ownValues = (settings: KeybuzzSettings, part: 'api' | 'front') =>
  valuesIn(part === 'api' ? settings.API_ENV : settings.FRONT_ENV)

/** A password may hold any character: each part of an address is escaped as an address wants it. */
export function urls(settings: KeybuzzSettings): Record<string, Sensitive> {
  const { POSTGRES_HOST, POSTGRES_PORT, REDIS_HOST, REDIS_PORT, API_REDIS_DB } = settings
  const { RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_VHOST } = settings
  const database = databaseNameOf(settings.ENV)
  const login = (user: string, password: Sensitive) =>
    `${strictlyPercent(user)}:${strictlyPercent(password.reveal())}`
  return {
    DATABASE_URL: sensitive(
      `postgresql://${login(database, settings.API_POSTGRES_PASSWORD)}@${POSTGRES_HOST}:${POSTGRES_PORT}/${database}`,
    ),
    REDIS_URL: sensitive(
      `redis://${login('', settings.REDIS_PASSWORD)}@${REDIS_HOST}:${REDIS_PORT}/${API_REDIS_DB}`,
    ),
    RABBITMQ_URL: sensitive(
      `amqp://${login(RABBITMQ_USER, settings.RABBITMQ_PASSWORD)}@${RABBITMQ_HOST}:${RABBITMQ_PORT}/${strictlyPercent(RABBITMQ_VHOST)}`,
    ),
  }
}
