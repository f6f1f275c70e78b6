import { authorityProblem } from '../base/certificate.mts'
import type { Sensitive } from '../base/sensitive.mts'
import type { Setting, Settings, SettingsView } from './settings.mts'
import { isOrigin, type Rule } from './validators.mts'

// Where modules keep their secret values, and the Vault in which they may.

/** The values of SECRETS, and the text of the one that chooses Vault. */
export const secretStores = ['kubernetes', 'vault'] as const
const inVault = secretStores[1]

/** The values of VAULT_AUTH_METHOD. */
export const authMethods = ['kubernetes', 'jwt'] as const
export type AuthMethod = (typeof authMethods)[number]

/** The rule for Vault's address: without TLS its tokens would be sent unencrypted. */
const isVaultAddress: Rule = (value) =>
  value.startsWith('http://')
    ? 'must begin with https://: Vault’s tokens would travel in the clear'
    : isOrigin(value)

/** The rule for a path in Vault, such as kv or teams/kv. */
const isVaultPath: Rule = (value) =>
  /^[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/.test(value)
    ? undefined
    : 'must be words of lower-case letters, digits, _ and -, with / between them, not at either end'

/** The rule for the path of an auth method: Vault refuses one below another (`path is already in use at`). */
const isAuthPath: Rule = (value) =>
  /^[a-z0-9][a-z0-9_-]*$/.test(value)
    ? undefined
    : 'must be one word such as kubernetes or kubernetes-staging, without / and without auth/ before it'

/** The Vault of an environment. */
export const vault = [
  {
    key: 'VAULT_ADDR',
    title: 'Address of Vault',
    help: 'https://vault.example.com:8200, of HashiCorp Vault or OpenBao, as pods reach it: one address, a load balancer for several servers',
    kind: 'text',
    validate: isVaultAddress,
  },
  {
    key: 'VAULT_CA',
    title: 'CA of Vault',
    help: 'A PEM file, beside this one, with the certificates that sign the server’s; pods get it. Without it a public CA must have signed it',
    kind: 'file',
    optional: true,
    validate: (text) => authorityProblem(text),
  },
  {
    key: 'VAULT_NAMESPACE',
    title: 'Namespace in Vault',
    help: 'Of Vault Enterprise or OpenBao. Empty: the root namespace',
    kind: 'text',
    optional: true,
    validate: isVaultPath,
  },
  {
    key: 'VAULT_AUTH_METHOD',
    title: 'How Vault proves the tokens of pods',
    help: 'kubernetes: it asks the API server about each. jwt: by the cluster’s public keys, which module 14 writes into it; for a Vault that cannot reach the API server (README of module 14)',
    kind: 'choice',
    choices: authMethods,
    default: authMethods[0],
  },
  {
    key: 'VAULT_AUTH_PATH',
    title: 'Path of that auth method',
    help: 'One for each cluster that uses this Vault; unless given, the method’s name. Module 14 enables it when it is not there',
    kind: 'text',
    default: (view) => view.text('VAULT_AUTH_METHOD') ?? authMethods[0],
    validate: isAuthPath,
  },
  {
    key: 'VAULT_KV_MOUNT',
    title: 'Mount of the KV engine',
    help: 'Version 2. It must be there: the kit makes none',
    kind: 'text',
    default: 'kv',
    validate: isVaultPath,
  },
  {
    key: 'VAULT_KV_PREFIX',
    title: 'Path of the kit’s values in it',
    help: 'Below the mount. Another one for each cluster that uses this Vault',
    kind: 'text',
    default: 'keybuzz',
    validate: isVaultPath,
  },
  {
    key: 'VAULT_TOKEN',
    title: 'Token for the set-up',
    help: 'For this run only, and never saved by the kit: README of module 14, "Rights". Empty: an AppRole below, or no change in Vault',
    kind: 'sensitive',
    optional: true,
    transient: true,
  },
  {
    key: 'VAULT_ROLE_ID',
    title: 'AppRole for the set-up, role id',
    help: 'Of the auth method at approle, in place of a token. Not saved either',
    kind: 'sensitive',
    optional: true,
    transient: true,
  },
  {
    key: 'VAULT_SECRET_ID',
    title: 'AppRole for the set-up, secret id',
    kind: 'sensitive',
    optional: true,
    transient: true,
  },
] as const satisfies readonly Setting[]

/** The settings of Vault that its client needs. */
export interface VaultConnection {
  readonly ENV: string
  readonly VAULT_ADDR: string
  readonly VAULT_CA?: Sensitive | undefined
  readonly VAULT_NAMESPACE?: string | undefined
  readonly VAULT_AUTH_METHOD: AuthMethod
  readonly VAULT_AUTH_PATH: string
  readonly VAULT_KV_MOUNT: string
  readonly VAULT_KV_PREFIX: string
  readonly VAULT_TOKEN?: Sensitive | undefined
  readonly VAULT_ROLE_ID?: Sensitive | undefined
  readonly VAULT_SECRET_ID?: Sensitive | undefined
}

/** An auth method of Vault, and where it is enabled. */
export interface AuthMount {
  readonly method: AuthMethod
  /** Below auth/: `kubernetes`. */
  readonly path: string
}

/** Where the pods of these settings log in. */
export const mountOf = ({
  VAULT_AUTH_METHOD: method,
  VAULT_AUTH_PATH: path,
}: Pick<VaultConnection, 'VAULT_AUTH_METHOD' | 'VAULT_AUTH_PATH'>): AuthMount => ({ method, path })

/** The auth method of settings, typed ones or recorded ones: those of an older kit have none. */
export const methodOf = ({ VAULT_AUTH_METHOD: text }: Readonly<Record<string, unknown>>): AuthMethod =>
  authMethods.find((one) => one === text) ?? authMethods[0]

/** The setting by which a module takes its secret values from Vault: one of the module's own. */
export const secretsChoice = [
  {
    key: 'SECRETS',
    title: 'Where pods get their secrets',
    help: 'kubernetes: from Secrets. vault: from Vault, as files in memory, and no Secret has them; module 14 must be installed (README, "Secrets from Vault")',
    kind: 'choice',
    choices: secretStores,
    default: 'kubernetes',
    // Most environments have no Vault.
    isAsked: (view) => Boolean(view.text('VAULT_ADDR')),
  },
] as const satisfies readonly Setting[]

const isChosen = (view: SettingsView): boolean => view.text('SECRETS') === inVault

/**
 * The Vault of an environment, for a module that may take its secret values from it. While it does not, nothing of it is
 * asked or required; where Vault is known its values are there all the same: a module that no longer uses it has to find
 * what it left.
 */
export const vaultWhereUsed = vault.map((one: Setting) => ({
  ...one,
  when: (view: SettingsView) => isChosen(view) || Boolean(view.text('VAULT_ADDR')),
  validate: (text: string, view: SettingsView) => (isChosen(view) ? one.validate?.(text, view) : undefined),
  isAsked: isChosen,
}))

/** True when a module's settings choose Vault: typed ones, or those that a revision recorded. */
export const usesVault = (settings: Readonly<Record<string, unknown>>): boolean =>
  settings['SECRETS'] === inVault

/** The store that such settings choose: those of an older kit have none. */
export const storeOf = (values: Readonly<Record<string, unknown>>): string =>
  usesVault(values) ? inVault : secretStores[0]

/** The rules over several settings of Vault, for a module that uses it: one sentence for each that is broken. */
export const vaultProblemsWhereUsed = (settings: Settings): string[] =>
  usesVault(settings) ? vaultProblems(settings as Partial<VaultConnection>) : []

/** The rules over several settings of Vault: one sentence for each that is broken. */
export const vaultProblems = (settings: Partial<VaultConnection>): string[] => [
  ...((settings.VAULT_ROLE_ID === undefined) === (settings.VAULT_SECRET_ID === undefined)
    ? []
    : ['VAULT_ROLE_ID and VAULT_SECRET_ID belong together: give both, or none']),
  ...(settings.VAULT_TOKEN !== undefined && settings.VAULT_ROLE_ID !== undefined
    ? ['VAULT_TOKEN and VAULT_ROLE_ID exclude each other: give one of the two']
    : []),
]
