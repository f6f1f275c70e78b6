import { hexKey, password } from '../../lib/settings/generators.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { isBetween, isDnsName, isEmail, isUrl } from '../../lib/settings/validators.mts'
import type { SettingsOf } from '../../lib/run/module.mts'
import { certificateOf, general, ingress, smtp } from '../../lib/settings/platform.mts'
import { network } from '../../lib/settings/platform-network.mts'
import { postgres, redis, registry, s3 } from '../../lib/settings/platform-backends.mts'
import { secretsChoice, vaultWhereUsed } from '../../lib/settings/platform-vault.mts'

/** Generates a key of Active Record encryption: 32 characters, as many as `rails db:encryption:init` prints. */
const encryptionKey = () => hexKey(16)

const isColour = (value: string): string | undefined =>
  /^#[0-9a-fA-F]{6}$/.test(value) ? undefined : 'must be a colour such as #1f93ff'

/** Chatwoot's own rule: upper, lower, digit and special character. */
const isStrong = (value: string): string | undefined =>
  /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^a-zA-Z0-9]).{8,}$/.test(value)
    ? undefined
    : 'must have 8 characters or more: a small and a capital letter, a digit and a special character'

/** Settings of module 11 alone, kept in 11_chatwoot.env. */
export const own = [
  {
    key: 'CHATWOOT_HOST',
    title: 'Public host name',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `support.${view.text('DOMAIN')}`,
    validate: isDnsName,
  },
  ...certificateOf('', 'CHATWOOT_HOST'),
  {
    key: 'CHATWOOT_ADMIN_EMAIL',
    title: "First super admin's e-mail",
    kind: 'text',
    default: (view) => view.text('OPERATOR_EMAIL')?.toLowerCase(),
    validate: isEmail,
  },
  {
    key: 'CHATWOOT_ADMIN_NAME',
    title: "First super admin's name",
    kind: 'text',
    default: 'KeyBuzz Operator',
  },
  {
    key: 'CHATWOOT_ADMIN_PASSWORD',
    title: "First super admin's password",
    help: 'For the account that is made once; changed later in Chatwoot itself, and here too, because the checks sign in with it',
    kind: 'sensitive',
    generate: () => `${password(22)}-1a`,
    validate: isStrong,
  },
  {
    key: 'CHATWOOT_SECRET_KEY_BASE',
    title: 'Key of sessions and signed links',
    kind: 'sensitive',
    generate: () => hexKey(64),
    keep: true,
  },
  {
    key: 'CHATWOOT_ENCRYPTION_PRIMARY_KEY',
    title: 'Primary encryption key',
    help: 'With the two below it encrypts tokens of channels and second factors: keep a copy outside this machine',
    kind: 'sensitive',
    generate: encryptionKey,
    keep: true,
  },
  {
    key: 'CHATWOOT_ENCRYPTION_DETERMINISTIC_KEY',
    title: 'Deterministic encryption key',
    kind: 'sensitive',
    generate: encryptionKey,
    keep: true,
  },
  {
    key: 'CHATWOOT_ENCRYPTION_SALT',
    title: 'Salt of the encryption keys',
    kind: 'sensitive',
    generate: encryptionKey,
    keep: true,
  },
  {
    key: 'CHATWOOT_POSTGRES_PASSWORD',
    title: 'Password of the role chatwoot',
    kind: 'sensitive',
    generate: () => password(),
  },
  {
    key: 'CHATWOOT_REDIS_DB',
    title: 'Redis database number',
    help: 'One number per application and environment; a Redis server takes one Chatwoot only, whatever the number',
    kind: 'number',
    default: '2',
    validate: isBetween(0, 63),
  },
  {
    key: 'CHATWOOT_S3_BUCKET',
    title: 'Bucket of attachments',
    help: 'It exists already, private; browsers fetch attachments from the S3 server itself',
    kind: 'text',
    default: ({ env }) => `keybuzz-chatwoot-${env}`,
    when: (view) => Boolean(view.text('S3_ENDPOINT')),
  },
  {
    key: 'CHATWOOT_WEB_MAX',
    title: 'Web pods at most',
    help: 'Two always run with S3; without it exactly one. Each takes 5 PostgreSQL connections',
    kind: 'number',
    default: '6',
    validate: isBetween(2, 50),
  },
  {
    key: 'CHATWOOT_WORKERS_MAX',
    title: 'Sidekiq pods at most',
    help: 'Two always run with S3; without it exactly one. Each takes 10 PostgreSQL connections',
    kind: 'number',
    default: '4',
    validate: isBetween(2, 50),
  },
  {
    key: 'CHATWOOT_ROOT',
    title: 'Run as root with a writable image',
    help: 'The image names no user; the kit runs it as 1000 with a read-only root. true only if a version cannot be run so',
    kind: 'flag',
    default: 'false',
  },
  { key: 'BRAND_NAME', title: 'Name of the installation', kind: 'text', default: 'KeyBuzz' },
  {
    key: 'BRAND_URL',
    title: 'Address behind the brand',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `https://${view.text('DOMAIN')}`,
    validate: isUrl,
  },
  {
    key: 'BRAND_LOGO',
    title: 'Logo',
    help: 'Address of an image. Empty: Chatwoot’s own stays',
    kind: 'text',
    optional: true,
    validate: isUrl,
  },
  { key: 'BRAND_LOGO_DARK', title: 'Logo on dark ground', kind: 'text', optional: true, validate: isUrl },
  { key: 'BRAND_LOGO_SMALL', title: 'Small logo', kind: 'text', optional: true, validate: isUrl },
  {
    key: 'BRAND_COLOUR',
    title: 'Colour of buttons and links',
    help: 'Such as #1f93ff. Empty: Chatwoot’s own stays',
    kind: 'text',
    optional: true,
    validate: isColour,
  },
  ...secretsChoice,
] as const satisfies readonly Setting[]

/** Settings it shares with other modules. */
export const shared = [
  ...general,
  ...ingress,
  ...postgres,
  ...redis,
  ...s3,
  ...registry,
  ...smtp,
  ...network,
  ...vaultWhereUsed,
] as const

export type ChatwootSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
