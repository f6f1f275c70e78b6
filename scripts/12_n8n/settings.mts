import { hexKey, password } from '../../lib/settings/generators.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { isBetween, isDnsName, isEmail } from '../../lib/settings/validators.mts'
import type { SettingsOf } from '../../lib/run/module.mts'
import { certificateOf, general, ingress, smtp } from '../../lib/settings/platform.mts'
import { network } from '../../lib/settings/platform-network.mts'
import { postgres, redis, registry } from '../../lib/settings/platform-backends.mts'
import { secretsChoice, vaultWhereUsed } from '../../lib/settings/platform-vault.mts'

/** The settings of n8n alone. */
export const own = [
  {
    key: 'N8N_HOST',
    title: 'Public host name',
    kind: 'text',
    default: (view) => view.text('DOMAIN') && `n8n.${view.text('DOMAIN')}`,
    validate: isDnsName,
  },
  ...certificateOf('', 'N8N_HOST'),
  {
    key: 'N8N_OWNER_EMAIL',
    title: "First owner's e-mail",
    kind: 'text',
    default: (view) => view.text('OPERATOR_EMAIL')?.toLowerCase(),
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
    help: 'One number per application and environment; 0 is used by none',
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

export type N8nSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
