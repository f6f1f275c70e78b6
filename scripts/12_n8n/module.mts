import { hexKey, password } from '../../lib/generate.mts'
import { defineModule, type SettingsOf } from '../../lib/module.mts'
import { inEnvironment } from '../../lib/names.mts'
import { shown } from '../../lib/settings.mts'
import { isBetween, isDnsName, isEmail } from '../../lib/validate.mts'
import { general, ingress, postgres, redis, smtp } from '../platform.mts'

export type N8nSettings = SettingsOf<typeof n8n>

export const n8n = defineModule({
  number: 12,
  slug: 'n8n',
  title: 'n8n workflows',
  scope: 'environment',
  shared: [...general, ...ingress, ...postgres, ...redis, ...smtp],
  images: ['n8n', 'n8n-runners'],
  notProven: [
    'Mail is sent: no check sends one.',
    'A stored credential survives the loss of every pod, and jobs wait while there is no worker: both would break something on purpose.',
    'NetworkPolicies: none are applied.',
  ],
  settings: [
    {
      key: 'N8N_HOST',
      title: 'Public host name',
      kind: 'text',
      default: (given) => given.text('DOMAIN') && `n8n.${given.text('DOMAIN')}`,
      validate: isDnsName,
    },
    {
      key: 'N8N_OWNER_EMAIL',
      title: "First owner's e-mail",
      kind: 'text',
      default: (given) => given.text('OPERATOR_EMAIL')?.toLowerCase(),
      validate: isEmail,
    },
    { key: 'N8N_OWNER_FIRST_NAME', title: "First owner's first name", kind: 'text', default: 'KeyBuzz' },
    { key: 'N8N_OWNER_LAST_NAME', title: "First owner's last name", kind: 'text', default: 'Operator' },
    {
      key: 'N8N_OWNER_PASSWORD',
      title: "First owner's password",
      help: '8 to 64 characters with a digit and a capital letter; set again at every start of n8n',
      kind: 'sensitive',
      generate: () => password(20),
      validate: (value) =>
        /^(?=.*\d)(?=.*[A-Z]).{8,64}$/.test(value)
          ? undefined
          : 'must have 8 to 64 characters, a digit and a capital letter (n8n refuses others)',
    },
    {
      key: 'N8N_ENCRYPTION_KEY',
      title: 'Encryption key of stored credentials',
      help: 'Without it every credential stored in n8n is lost: keep a copy outside this machine',
      kind: 'sensitive',
      generate: () => hexKey(32),
      keep: true,
    },
    {
      key: 'N8N_RUNNERS_AUTH_TOKEN',
      title: 'Token between n8n and its task runners',
      kind: 'sensitive',
      generate: () => hexKey(32),
    },
    {
      key: 'N8N_POSTGRES_PASSWORD',
      title: 'Password of the role n8n',
      kind: 'sensitive',
      generate: () => password(),
    },
    {
      key: 'N8N_REDIS_DB',
      title: 'Redis database number',
      help: 'One number per application and environment; 0 is nobody’s',
      kind: 'number',
      default: '1',
      validate: isBetween(0, 63),
    },
    {
      key: 'N8N_WORKERS_MAX',
      title: 'Workers at most',
      help: 'Two always run; more under load. Each takes 4 PostgreSQL connections',
      kind: 'number',
      default: '6',
      validate: isBetween(2, 50),
    },
    {
      key: 'N8N_WEBHOOKS_MAX',
      title: 'Webhook processes at most',
      help: 'Two always run; more under load. Each takes 2 PostgreSQL connections',
      kind: 'number',
      default: '4',
      validate: isBetween(2, 50),
    },
    {
      key: 'N8N_JOB_SECONDS_MAX',
      title: 'Seconds a workflow may take when a worker stops',
      help: 'A worker that is replaced waits this long for its running workflows',
      kind: 'number',
      default: '300',
      validate: isBetween(30, 3600),
    },
  ],
  failures: [
    {
      line: /cannot be read with this instance encryption key|Mismatching encryption keys/,
      meaning:
        'The database was written with another N8N_ENCRYPTION_KEY. Its stored credentials need the old key.',
      next: 'put the original key into 12_n8n.env (N8N_ENCRYPTION_KEY) from your backup; never generate a new one',
    },
    {
      line: /password authentication failed for user/,
      meaning: 'PostgreSQL refuses the password of the role n8n uses.',
      next: 'run 12_n8n_01_deploy again: it sets the role’s password to N8N_POSTGRES_PASSWORD',
    },
    {
      line: /WRONGPASS|NOAUTH/,
      meaning: 'Redis refuses REDIS_PASSWORD.',
      next: 'correct REDIS_PASSWORD in platform.env, then install again',
    },
    {
      line: /Lost Redis connection|ECONNREFUSED.*6379/,
      meaning: 'Redis could not be reached from the pod.',
      next: 'check REDIS_HOST and REDIS_PORT, and that the cluster’s nodes may reach them',
    },
    {
      line: /There was an error initializing DB|Initial database connection attempt/,
      meaning: 'PostgreSQL could not be reached from the pod.',
      next: 'check POSTGRES_HOST and POSTGRES_PORT, and pg_hba.conf for the addresses of nodes and pods',
    },
    {
      line: /is not a valid bcrypt hash/,
      meaning: 'The owner’s password hash was refused.',
      next: 'set N8N_OWNER_PASSWORD again with 12_n8n_00_setup_credentials',
    },
  ],
  information: (settings) => [
    ['Open', `https://${shown(settings['N8N_HOST'])}`],
    [
      'Sign in',
      `${shown(settings['N8N_OWNER_EMAIL'])}; password: N8N_OWNER_PASSWORD in credentials/${settings.ENV}/12_n8n.env`,
    ],
    ['Back up', `N8N_ENCRYPTION_KEY in that file, and PostgreSQL database ${databaseNameOf(settings.ENV)}`],
  ],
})

/** PostgreSQL connections each pod may open: n8n's pool size a process. */
export const pool = { main: 4, webhook: 2, worker: 4 } as const

export const namespaceOf = (env: string): string => inEnvironment('n8n', env, '-')
export const databaseNameOf = (env: string): string => inEnvironment('n8n', env, '_')

/** The database module 12 owns, for `postgres.ensureDatabase`. */
export const databaseOf = (settings: N8nSettings) => ({
  name: databaseNameOf(settings.ENV),
  owner: databaseNameOf(settings.ENV),
  password: settings.N8N_POSTGRES_PASSWORD,
  connections: pool.main + settings.N8N_WEBHOOKS_MAX * pool.webhook + settings.N8N_WORKERS_MAX * pool.worker,
  // n8n's own policy: 17 and newer supported, 16 on compatibility, older only a warning in its log.
  supportedFrom: 16,
})

/** The Redis database module 12 claims, for `redis.require`. */
export const redisOf = (settings: N8nSettings) => ({
  database: settings.N8N_REDIS_DB,
  owner: `${settings.ENV}/12_n8n`,
})
