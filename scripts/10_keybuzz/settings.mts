import { password } from '../../lib/settings/generators.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import {
  isBetween,
  isCommand,
  isDnsName,
  isFolder,
  isOrigin,
  isPath,
  listOf,
} from '../../lib/settings/validators.mts'
import type { SettingsOf } from '../../lib/run/module.mts'
import { certificateOf, general, ingress } from '../../lib/settings/platform.mts'
import { network } from '../../lib/settings/platform-network.mts'
import { secretsChoice, vaultWhereUsed } from '../../lib/settings/platform-vault.mts'
import { postgres, rabbitmq, redis, registry } from '../../lib/settings/platform-backends.mts'
import { fileSettings } from './env-files.mts'
import { startSettings } from './start-settings.mts'

/** Ports that a container without capabilities can open. */
const unprivileged = isBetween(1024, 65_535)

/** User ids without 0: no container runs as root. */
const unprivilegedUser = isBetween(1, 65_535)

/** Settings of module 10 alone, kept in 10_keybuzz.env and the two files beside it. */
export const own = [
  {
    key: 'API_HOST',
    title: 'Public name of the API',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `api.${view.text('DOMAIN')}`,
    validate: isDnsName,
  },
  {
    key: 'FRONT_HOST',
    title: 'Public name of the front',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `app.${view.text('DOMAIN')}`,
    validate: isDnsName,
  },
  ...certificateOf('API_', 'API_HOST'),
  ...certificateOf('FRONT_', 'FRONT_HOST'),
  {
    key: 'API_PORT',
    title: 'Port of the API’s container',
    kind: 'number',
    default: '3001',
    validate: unprivileged,
  },
  {
    key: 'FRONT_PORT',
    title: 'Port of the front’s container',
    kind: 'number',
    default: '3000',
    validate: unprivileged,
  },
  {
    key: 'API_HEALTH',
    title: 'Health path of the API',
    help: 'Answers 200 while the API can work; the probes and checks ask it',
    kind: 'text',
    default: '/health',
    validate: isPath,
  },
  { key: 'FRONT_HEALTH', title: 'Health path of the front', kind: 'text', default: '/', validate: isPath },
  {
    key: 'API_REPLICAS_MAX',
    title: 'API pods at most',
    help: 'Two always run; more under load. Each takes API_POOL PostgreSQL connections',
    kind: 'number',
    default: '8',
    validate: isBetween(2, 50),
  },
  {
    key: 'FRONT_REPLICAS_MAX',
    title: 'Front pods at most',
    kind: 'number',
    default: '8',
    validate: isBetween(2, 50),
  },
  {
    key: 'API_POOL',
    title: 'PostgreSQL connections a pod of the API opens at most',
    help: 'Given to it as DATABASE_POOL_MAX; the role’s limit is counted from it',
    kind: 'number',
    default: '5',
    validate: isBetween(1, 100),
  },
  {
    key: 'API_UID',
    title: 'User id in the API’s image',
    kind: 'number',
    default: '1000',
    validate: unprivilegedUser,
  },
  {
    key: 'FRONT_UID',
    title: 'User id in the front’s image',
    kind: 'number',
    default: '1000',
    validate: unprivilegedUser,
  },
  {
    key: 'API_WRITABLE',
    title: 'Folders the API writes into',
    help: 'Comma-separated. Everything else in its container is read-only; what is written is gone with the pod',
    kind: 'text',
    default: '/tmp',
    validate: listOf(isFolder),
  },
  {
    key: 'FRONT_WRITABLE',
    title: 'Folders the front writes into',
    kind: 'text',
    default: '/tmp',
    validate: listOf(isFolder),
  },
  {
    key: 'API_CORS_ORIGINS',
    title: 'Pages of other origins that may call the API',
    help: 'Comma-separated, such as https://app.example.com. Empty: the ingress sets no CORS header',
    kind: 'text',
    optional: true,
    validate: listOf(isOrigin),
  },
  {
    key: 'API_MIGRATE',
    title: 'Command that migrates the API’s database',
    help: 'As in docker run IMAGE COMMAND, e.g. npm run migrate. It runs once for each image, before its pods. Empty: none',
    kind: 'text',
    optional: true,
    validate: isCommand,
  },
  {
    key: 'API_SCHEMA_TOLERANT',
    title: 'Older versions of the API work on a newer schema',
    help: 'true lets a rollback begin although tables have changed since',
    kind: 'flag',
    default: 'false',
  },
  {
    key: 'API_POSTGRES_PASSWORD',
    title: 'Password of the API’s role',
    kind: 'sensitive',
    generate: () => password(),
  },
  {
    key: 'API_REDIS_DB',
    title: 'Redis database number of the API',
    help: 'One number per application and environment; 0 is used by none',
    kind: 'number',
    default: '7',
    validate: isBetween(0, 63),
  },
  ...fileSettings,
  ...secretsChoice,
  ...startSettings,
] as const satisfies readonly Setting[]

/** Settings it shares with other modules. */
export const shared = [
  ...general,
  ...ingress,
  ...postgres,
  ...redis,
  ...rabbitmq,
  ...registry,
  ...network,
  ...vaultWhereUsed,
] as const

export type KeybuzzSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
