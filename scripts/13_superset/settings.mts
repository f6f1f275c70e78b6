import { randomBytes } from 'node:crypto'
import { hexKey, password } from '../../lib/settings/generators.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { isBetween, isDnsName, isEmail } from '../../lib/settings/validators.mts'
import type { SettingsOf } from '../../lib/run/module.mts'
import { certificateOf, general, ingress, smtp } from '../../lib/settings/platform.mts'
import { postgres, redis, registry } from '../../lib/settings/platform-backends.mts'
import { network } from '../../lib/settings/platform-network.mts'
import { secretsChoice, vaultWhereUsed } from '../../lib/settings/platform-vault.mts'

/** Random bytes of the key, as Superset's own documentation makes it: `openssl rand -base64 42`. */
const keyBytes = 42
/** Minimum number of characters of a key. */
const shortestKey = 32

/** The rule for the key. Superset itself refuses only its public default, and accepts a single letter. */
const isKey = (value: string): string | undefined => {
  if (/CHANGE_?ME/i.test(value)) return 'is Superset’s public default: 42 random bytes, base64'
  return value.length < shortestKey
    ? 'must be 42 random bytes, base64; Superset itself would take any'
    : undefined
}

/** The settings of Superset alone. */
export const own = [
  {
    key: 'SUPERSET_HOST',
    title: 'Public host name',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `superset.${view.text('DOMAIN')}`,
    validate: isDnsName,
  },
  ...certificateOf('', 'SUPERSET_HOST'),
  { key: 'SUPERSET_ADMIN_USERNAME', title: "First administrator's name", kind: 'text', default: 'admin' },
  {
    key: 'SUPERSET_ADMIN_EMAIL',
    title: "First administrator's e-mail",
    kind: 'text',
    default: (view) => view.text('OPERATOR_EMAIL')?.toLowerCase(),
    validate: isEmail,
  },
  {
    key: 'SUPERSET_ADMIN_FIRST_NAME',
    title: "First administrator's first name",
    kind: 'text',
    default: 'KeyBuzz',
  },
  {
    key: 'SUPERSET_ADMIN_LAST_NAME',
    title: "First administrator's last name",
    kind: 'text',
    default: 'Operator',
  },
  {
    key: 'SUPERSET_ADMIN_PASSWORD',
    title: "First administrator's password",
    help: 'For the account that is made once; changed later in Superset itself, and here too, because the checks sign in with it',
    kind: 'sensitive',
    generate: () => password(20),
    validate: (value) => (value.length >= 8 ? undefined : 'must have 8 characters or more'),
  },
  {
    key: 'SUPERSET_SECRET_KEY',
    title: 'Key of stored connections and sessions',
    help: 'Without it every password of a stored database connection is lost: keep a copy outside this machine. Superset 6.1.0 cannot change it: its re-encrypt-secrets does nothing and ends with 0',
    kind: 'sensitive',
    generate: () => randomBytes(keyBytes).toString('base64'),
    validate: isKey,
    keep: true,
  },
  {
    key: 'SUPERSET_GUEST_TOKEN_SECRET',
    title: 'Secret of tokens for embedded dashboards',
    kind: 'sensitive',
    generate: () => hexKey(32),
  },
  {
    key: 'SUPERSET_ASYNC_TOKEN_SECRET',
    title: 'Secret of tokens for asynchronous charts',
    kind: 'sensitive',
    generate: () => hexKey(32),
  },
  {
    key: 'SUPERSET_POSTGRES_PASSWORD',
    title: 'Password of the role superset',
    kind: 'sensitive',
    generate: () => password(),
    // Superset's SQLAlchemy writes such a sequence into a URL unescaped, and decodes it to another character there.
    validate: (value) =>
      /%[0-9A-Fa-f]{2}/.test(value)
        ? 'must not have % before two hexadecimal digits: Superset cannot store a connection with such a password'
        : undefined,
  },
  {
    key: 'SUPERSET_REDIS_DB',
    title: 'Redis database number',
    help: 'One number per application and environment: queue, results, caches and limits; 0 is used by none',
    kind: 'number',
    default: '3',
    validate: isBetween(0, 63),
  },
  {
    key: 'SUPERSET_WEB_MAX',
    title: 'Web pods at most',
    help: 'Two always run; more under load. Each takes 10 PostgreSQL connections',
    kind: 'number',
    default: '4',
    validate: isBetween(2, 50),
  },
  {
    key: 'SUPERSET_WORKERS_MAX',
    title: 'Workers at most',
    help: 'Two always run; more under load. Each takes 5 PostgreSQL connections',
    kind: 'number',
    default: '4',
    validate: isBetween(2, 50),
  },
  {
    key: 'SUPERSET_QUERY_SECONDS_MAX',
    title: 'Seconds an asynchronous query may take',
    help: 'A worker that is replaced waits this long for its running queries',
    kind: 'number',
    default: '300',
    validate: isBetween(30, 3600),
  },
  {
    key: 'SUPERSET_REPORTS',
    title: 'Alerts and reports',
    help: 'true only for an image with a browser (build argument BROWSER of the Dockerfile); it needs SMTP_HOST',
    kind: 'flag',
    default: 'false',
  },
  {
    key: 'SUPERSET_UID',
    title: 'Number of the user superset in the image',
    help: 'The image names its user and the kubelet takes only a number: what `id -u` prints in a container of it',
    kind: 'number',
    default: '1000',
    validate: isBetween(1, 65_535),
  },
  ...secretsChoice,
] as const satisfies readonly Setting[]

/** Settings it shares with other modules. */
export const shared = [
  ...general,
  ...ingress,
  ...postgres,
  ...redis,
  ...registry,
  ...smtp,
  ...network,
  ...vaultWhereUsed,
] as const

export type SupersetSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
