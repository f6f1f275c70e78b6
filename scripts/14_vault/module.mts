import { defineModule } from '../../lib/run/module.mts'
import { usesVault, vaultProblems } from '../../lib/settings/platform-vault.mts'
import { checkAccount, checkPod } from './check-pod.mts'
import { failures } from './failures.mts'
import { flows } from './flows.mts'
import { injector } from './manifests.mts'
import { certificateSecret, identity, injectorNamespace, type Images } from './names.mts'
import { reviewer } from './reviewer.mts'
import { accesses, checkPath } from './roles.mts'
import { own, shared, type VaultSettings } from './settings.mts'

export const vault = defineModule({
  ...identity,
  title: 'Vault Agent injection',
  scope: 'cluster',
  shared,
  settings: own,
  images: ['vault-k8s', 'vault-agent'],
  moreKinds: [
    'mutatingwebhookconfigurations.admissionregistration.k8s.io',
    ...['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'].map(
      (kind) => `${kind}.rbac.authorization.k8s.io`,
    ),
  ],
  validate: (settings: VaultSettings) => vaultProblems(settings),
  objects: (settings: VaultSettings, images: Images) => ({
    '01_deploy': injector(settings, images),
    '02_configure_injection': [...reviewer(settings), ...checkAccount(settings), checkPod(settings, images)],
  }),
  flows,
  isNeededBy: ({ values }) => usesVault(values),
  // What Vault has is of today's method, and a rollback changes nothing there.
  sameInRollback: ['VAULT_AUTH_METHOD'],
  failures,
  notProven: (settings: VaultSettings) => [
    ...(settings.VAULT_AUTH_METHOD === 'jwt'
      ? [
          'That Vault refuses the token of a deleted pod or service account: with VAULT_AUTH_METHOD=jwt it does not, for the hour that the token is valid.',
        ]
      : []),
    'The way from other namespaces’ pods to Vault: one pod, in vault-check, proves it from its node.',
    'vault-check has no NetworkPolicies, nor has vault-reviewer: only the injector’s namespace has.',
    'That a certificate of the injector is renewed after 24 h: the check sees its end, not its renewal.',
  ],
  // The ConfigMap of the leader goes with its pod, which owns it.
  madeByPods: [{ kind: 'secrets', namespace: injectorNamespace, name: certificateSecret }],
  stays: (settings: VaultSettings) => [
    `in Vault ${settings.VAULT_ADDR}: auth method ${settings.VAULT_AUTH_METHOD} at ${settings.VAULT_AUTH_PATH}, ${accesses(
      settings,
    )
      .map(({ role, policy }) => `role ${role}, policy ${policy}`)
      .join(', ')}, value ${checkPath(settings)}`,
  ],
  information: (settings: VaultSettings) => [
    ['Vault', settings.VAULT_ADDR],
    ['Values', `${settings.VAULT_KV_MOUNT}/${settings.VAULT_KV_PREFIX}/`],
    [
      'Logins',
      settings.VAULT_AUTH_METHOD === 'jwt'
        ? `auth/${settings.VAULT_AUTH_PATH}, proven by this cluster’s public keys`
        : `auth/${settings.VAULT_AUTH_PATH}, asked back at ${settings.VAULT_KUBERNETES_URL}`,
    ],
  ],
})
