import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'
import { leaderConfigMap } from './names.mts'
import type { VaultSettings } from './settings.mts'

/** Known log lines of the injector and of the agents that it adds; specific ones first. */
export const failures = ({ ENV, VAULT_ADDR }: VaultSettings): readonly KnownFailure[] => [
  {
    line: /map has no entry for key/,
    meaning: 'The path in Vault has no such field: the pod waits for it, and never starts with <no value>.',
    next: 'write the field: vault kv patch; the line above names it. The pod starts within five minutes; sooner when it is deleted',
  },
  {
    line: /Vault is sealed/,
    meaning: 'Vault is sealed. Pods that run keep their files; new ones wait, and start by themselves.',
    next: 'unseal it on its own machine: vault operator unseal',
  },
  {
    line: /no known key successfully validated|invalid issuer \(iss\) claim/,
    meaning: 'Vault does not have the public key, or the issuer, with which this cluster signs tokens now.',
    next: 'run 14_vault_02_configure_injection again, with a token for the set-up: it writes the cluster’s keys of now into Vault',
  },
  {
    line: /could not load configuration/,
    meaning: 'The auth method jwt is enabled, and has no keys yet.',
    next: 'run 14_vault_02_configure_injection again, with a token for the set-up',
  },
  {
    line: /invalid role name|role "[^"]*" could not be found/,
    meaning: 'Vault does not know the role the pod names.',
    next: 'run 14_vault_02_configure_injection again, with a token for the set-up',
  },
  {
    line: /invalid (audience \(aud\)|subject \(sub\)) claim|namespace not authorized|service account name not authorized/,
    meaning: 'The role in Vault is bound to another service account, namespace or audience.',
    next: 'run 14_vault_02_configure_injection again, with a token for the set-up: it binds each role anew',
  },
  {
    line: /token not yet valid|token is expired/,
    meaning: 'The clocks of Vault and of the masters differ by more than 60 s.',
    next: 'set the clock that is wrong: timedatectl status; chronyc tracking',
  },
  {
    line: /no secret exists at/,
    meaning: 'The path is not in Vault, or the role may not read it.',
    next: 'write the value; the line above names the path. With /data/ in it for reading, without it for vault kv put',
  },
  {
    line: /x509: certificate signed by unknown authority/,
    meaning: 'What answers at VAULT_ADDR is not signed by VAULT_CA; or the agents still have an older CA.',
    next: `lay the CA that signed it at credentials/${ENV}/platform.vault.ca, then install again: a rollout gives it to the pods`,
  },
  {
    line: /permission denied/,
    meaning: 'Vault refuses the login: its own way to the API server, its reviewer, or the role.',
    next: 'run 14_vault_02_configure_injection again: it tries each of them',
  },
  {
    line: /Trouble becoming leader|cannot delete resource "configmaps"/,
    meaning: 'The pod cannot become the leader: one on a node that is gone still counts.',
    next: `run 14_vault_01_deploy again: it restores the rights. Never delete ConfigMap ${leaderConfigMap} while its pod lives: two leaders would write against each other`,
  },
  {
    line: /dial tcp|connection refused|context deadline exceeded|i\/o timeout/,
    meaning: 'Pods do not reach Vault. It is tried again for ever.',
    next: `from a node: curl --insecure --max-time 5 ${VAULT_ADDR}/v1/sys/health; firewall, or Vault is down`,
  },
]
