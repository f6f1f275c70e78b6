import { usesVault } from '../../lib/settings/platform-vault.mts'
import type { Setting, SettingsView } from '../../lib/settings/settings.mts'
import { isCommand } from '../../lib/settings/validators.mts'

// What the operator's images start. Only where secret values are files of Vault has the kit to know it: a shell, which
// takes the place of the entrypoint, reads the files and then becomes the program.

const whereFiles = (view: SettingsView): boolean => usesVault({ SECRETS: view.text('SECRETS') })

/** The settings that name it. */
export const startSettings = [
  {
    key: 'API_ENTRYPOINT',
    title: 'ENTRYPOINT of the API’s image',
    help: 'As in its Dockerfile, words separated by one space. Empty: it has none',
    kind: 'text',
    optional: true,
    when: whereFiles,
    validate: isCommand,
  },
  {
    key: 'API_COMMAND',
    title: 'CMD of the API’s image',
    help: 'As in its Dockerfile, e.g. node server.js: a shell reads the files of Vault and starts it',
    kind: 'text',
    optional: true,
    when: whereFiles,
    validate: isCommand,
  },
  {
    key: 'FRONT_ENTRYPOINT',
    title: 'ENTRYPOINT of the front’s image',
    help: 'Needed like the next one only if 10_keybuzz.front.env has values',
    kind: 'text',
    optional: true,
    when: whereFiles,
    validate: isCommand,
  },
  {
    key: 'FRONT_COMMAND',
    title: 'CMD of the front’s image',
    kind: 'text',
    optional: true,
    when: whereFiles,
    validate: isCommand,
  },
] as const satisfies readonly Setting[]
