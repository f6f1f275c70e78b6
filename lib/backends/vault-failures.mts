import type { KnownFailure } from '../kube/rollout/failure.mts'
import { usesVault } from '../settings/platform-vault.mts'
import type { Settings } from '../settings/settings.mts'

const again = 'install this module again, with a token for the set-up (KEYBUZZ_VAULT_TOKEN)'

/**
 * Known log lines of the agent that brings values of Vault into a pod; none for a module with Secrets. A module lists them
 * before its own.
 */
export const agentFailures = (settings: Settings): readonly KnownFailure[] =>
  usesVault(settings)
    ? [
        {
          line: /map has no entry for key/,
          meaning: 'The path in Vault lacks a value: the pod waits for it, and never starts with <no value>.',
          next: again,
        },
        {
          line: /Vault is sealed/,
          meaning: 'Vault is sealed. Pods that run keep their files; new ones wait, and start by themselves.',
          next: 'unseal it on its own machine: vault operator unseal; then run the same command again',
        },
        {
          line: /no known key successfully validated|invalid issuer \(iss\) claim/,
          meaning:
            'Vault does not have the public key, or the issuer, with which this cluster signs tokens now.',
          next: 'run 14_vault_02_configure_injection again, with a token for the set-up (KEYBUZZ_VAULT_TOKEN): it writes the cluster’s keys of now into Vault; the pod goes on by itself',
        },
        {
          line: /invalid role name|role "[^"]*" could not be found|(namespace|service account name) not authorized|invalid (audience \(aud\)|subject \(sub\)) claim|no secret exists at/,
          meaning: 'The module’s role, policy or values are not in Vault as it needs them.',
          next: again,
        },
        {
          line: /x509: certificate signed by unknown authority/,
          meaning: 'What answers at VAULT_ADDR is not signed by the CA that the injector gives to agents.',
          next: 'install module 14 again: it gives VAULT_CA to the injector; then run the same command again',
        },
        {
          // As Vault lists its errors: programs and PostgreSQL say "permission denied" of other things.
          line: /\* permission denied\s*$/,
          meaning:
            'Vault refuses the login of the pod: its way to the API server, its reviewer, or the role.',
          next: 'run 14_vault_02_configure_injection again: it tries each of them',
        },
        {
          line: /(Put|Get|POST|GET) "?https:.*(dial tcp|connection refused|context deadline exceeded|i\/o timeout)/,
          meaning: 'The pod does not reach Vault.',
          next: `from a node: curl --insecure --max-time 5 ${String(settings['VAULT_ADDR'])}/v1/sys/health; firewall, or Vault is down`,
        },
      ]
    : []
