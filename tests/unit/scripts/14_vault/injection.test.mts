import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPod, injectionOf } from '../../../../scripts/14_vault/check-pod.mts'
import { annotations } from '../../../../lib/kube/manifests/injection.mts'
import { roleFields } from '../../../../lib/backends/vault-access.mts'
import { accesses } from '../../../../scripts/14_vault/roles.mts'
import { images, settingsFor } from './settings.mts'

const settings = settingsFor()
const prefix = 'vault.hashicorp.com/'

test('the annotations of a pod, each as vault-k8s 1.7.6 reads it: it accepts wrong ones without a word', () => {
  assert.deepEqual(annotations(injectionOf(settings)), {
    [`${prefix}agent-inject`]: 'true',
    [`${prefix}role`]: 'keybuzz-check',
    [`${prefix}agent-service-account-token-volume-name`]: 'vault-token',
    [`${prefix}agent-inject-containers`]: 'check',
    [`${prefix}agent-init-first`]: 'true',
    [`${prefix}agent-run-as-user`]: '100',
    [`${prefix}agent-run-as-group`]: '100',
    [`${prefix}template-static-secret-render-interval`]: '20s',
    [`${prefix}template-config-exit-on-retry-failure`]: 'false',
    [`${prefix}auth-type`]: 'kubernetes',
    [`${prefix}auth-path`]: 'auth/kubernetes',
    [`${prefix}agent-inject-secret-check`]: 'kv/data/keybuzz/check',
    [`${prefix}agent-inject-template-check`]:
      '{{- with secret "kv/data/keybuzz/check" -}}{{ .Data.data.value }}{{- end -}}',
    [`${prefix}error-on-missing-key-check`]: 'true',
    [`${prefix}agent-inject-perms-check`]: '0400',
  })
})

test('by jwt the agent is told its method, path and token, and leaves the token’s file: without them it ends', () => {
  const jwt = settingsFor({ VAULT_AUTH_METHOD: 'jwt' })
  const [found, plain] = [annotations(injectionOf(jwt)), annotations(injectionOf(settings))]
  const more = Object.entries(found).filter(([key, value]) => plain[key] !== value)
  assert.deepEqual(Object.fromEntries(more), {
    [`${prefix}auth-type`]: 'jwt',
    [`${prefix}auth-path`]: 'auth/jwt',
    // The folder in which the injector mounts the volume of the token, and the volume's own file.
    [`${prefix}auth-config-path`]: '/var/run/secrets/vault.hashicorp.com/serviceaccount/token',
    [`${prefix}auth-config-remove-jwt-after-reading`]: 'false',
  })
  // Given too: an injector of the other method, which is being replaced, would give a pod its own.
  assert.deepEqual(
    [plain[`${prefix}auth-type`], plain[`${prefix}auth-path`]],
    ['kubernetes', 'auth/kubernetes'],
  )
})

test('the agent of a Job ends: after its files, and when Vault has them not', () => {
  const found = annotations({ ...injectionOf(settings), ends: true })
  assert.equal(found[`${prefix}agent-pre-populate-only`], 'true')
  assert.equal(found[`${prefix}template-config-exit-on-retry-failure`], undefined)
})

test('a file’s template has no newline at its end, and each file fails without its field', () => {
  const found = annotations(injectionOf(settings))
  for (const [key, value] of Object.entries(found).filter(([name]) =>
    name.includes('agent-inject-template-'),
  )) {
    const file = key.replace(`${prefix}agent-inject-template-`, '')
    assert.ok(!value.includes('\n') && value.endsWith('{{- end -}}'), file)
    assert.equal(found[`${prefix}error-on-missing-key-${file}`], 'true')
    assert.ok(found[`${prefix}agent-inject-secret-${file}`] !== undefined, file)
  }
})

test('the pod has a token for Vault that none of its containers mounts, and none for Kubernetes', () => {
  const template = checkPod(settings, images).spec?.template
  const pod = template?.spec
  assert.equal(pod?.automountServiceAccountToken, false)
  const volume = pod?.volumes?.find(({ name }) => name === 'vault-token')
  assert.deepEqual(volume?.projected?.sources, [
    { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 3600 } },
  ])
  assert.deepEqual(
    pod?.containers.flatMap(({ volumeMounts = [] }) => volumeMounts),
    [],
  )
  // The annotations name what is there.
  const names = pod?.containers.map(({ name }) => name) ?? []
  assert.ok(names.includes(template?.metadata?.annotations?.[`${prefix}agent-inject-containers`] ?? ''))
  assert.equal(
    template?.metadata?.annotations?.[`${prefix}agent-run-as-user`],
    String(pod?.securityContext?.runAsUser),
  )
  // Containers of the agent have no profile of their own, and the namespace wants one.
  assert.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault')
})

test('another address, CA or auth path gives new pods: the agents keep what they were made with', () => {
  const checksum = (more = {}) =>
    checkPod(settingsFor(more), images).spec?.template.metadata?.annotations?.['keybuzz.io/checksum']
  for (const more of [
    { VAULT_ADDR: 'https://other.example.com' },
    { VAULT_AUTH_PATH: 'kubernetes-2' },
    { VAULT_CA: 'another' },
    { VAULT_NAMESPACE: 'team' },
  ])
    assert.notEqual(checksum(more), checksum(), JSON.stringify(more))
})

test('a role is bound to one account of one namespace, its policy to one path, and nothing has a *', () => {
  const all = accesses(settingsFor({ VAULT_AUTH_PATH: 'kubernetes-2', VAULT_KV_MOUNT: 'teams/kv' }))
  assert.deepEqual(all.map(roleFields), [
    {
      bound_service_account_names: ['vault-check'],
      bound_service_account_namespaces: ['vault-check'],
      audience: 'vault',
      token_policies: ['keybuzz-kubernetes-2-check'],
      token_ttl: 3600,
    },
  ])
  assert.match(all[0]?.rules ?? '', /^path "teams\/kv\/data\/keybuzz\/check" \{/)
  assert.ok(!JSON.stringify(all).includes('*'))
})
