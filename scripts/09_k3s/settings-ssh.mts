import type { Setting } from '../../lib/settings/settings.mts'
import { isPort, isUserName } from '../../lib/settings/validators.mts'

// How the kit connects to the machines.

export const ssh = [
  {
    key: 'SSH_USER',
    title: 'SSH user',
    help: 'For hosts whose USER_SSH in servers.tsv is empty',
    kind: 'text',
    default: 'root',
    validate: isUserName,
  },
  {
    key: 'SSH_KEY',
    title: 'SSH private key',
    help: 'Its path, from the kit’s folder; readable by you alone',
    kind: 'text',
    default: ({ env }) => `credentials/${env}/id_ed25519`,
  },
  {
    key: 'SSH_KEY_PASSPHRASE',
    title: 'Passphrase of the SSH key',
    help: 'Only for a key that has one',
    kind: 'sensitive',
    optional: true,
  },
  { key: 'SSH_PORT', title: 'SSH port', kind: 'number', default: '22', validate: isPort },
  {
    key: 'SUDO_PASSWORD',
    title: 'sudo password',
    help: 'Only for a user who is not root and whose sudo asks; it travels on stdin',
    kind: 'sensitive',
    optional: true,
  },
] as const satisfies readonly Setting[]
