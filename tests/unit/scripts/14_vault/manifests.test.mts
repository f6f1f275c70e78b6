import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missing, problemWith, resolve } from '../../../../lib/settings/settings.mts'
import { prunableKinds } from '../../../../lib/kube/apply/ownership.mts'
import { nameOf, type Deployment, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import { inRemovalOrder } from '../../../../lib/verbs/uninstall.mts'
import { vault } from '../../../../scripts/14_vault/module.mts'
import { images, settingsFor } from './settings.mts'

const ca =
  '-----BEGIN CERTIFICATE-----\nQSBDQSBvZiB0aGUgdGVzdHMsIG5vdCBhIHJlYWwgb25lLg==\n-----END CERTIFICATE-----\n'
const objectsOf = (more = {}) => {
  const steps = vault.objects(settingsFor(more), images)
  return [...steps['01_deploy'], ...steps['02_configure_injection']]
}
const find = (kind: string, name: string, more = {}): Manifest => {
  const found = objectsOf(more).find((one) => one.kind === kind && one.metadata?.name === name)
  assert.ok(found, `${kind} ${name}`)
  return found
}
const injector = (more = {}) => find('Deployment', 'vault-injector', more) as Deployment
const environment = (more = {}) =>
  Object.fromEntries(
    (injector(more).spec?.template.spec?.containers[0]?.env ?? []).map((one) => [
      one.name,
      one.value ?? one.valueFrom,
    ]),
  )

test('all that the injector is told, by whom it runs, and what it may write: nothing', () => {
  assert.deepEqual(environment({ VAULT_NAMESPACE: 'teams', VAULT_AUTH_PATH: 'kubernetes-staging' }), {
    AGENT_INJECT_LISTEN: ':8080',
    AGENT_INJECT_LOG_LEVEL: 'info',
    AGENT_INJECT_VAULT_ADDR: 'https://vault.example.com:8200',
    AGENT_INJECT_VAULT_IMAGE: 'vault:1',
    AGENT_INJECT_VAULT_AUTH_TYPE: 'kubernetes',
    AGENT_INJECT_VAULT_AUTH_PATH: 'auth/kubernetes-staging',
    AGENT_INJECT_VAULT_NAMESPACE: 'teams',
    AGENT_INJECT_TLS_AUTO: 'keybuzz-vault-injector',
    AGENT_INJECT_TLS_AUTO_HOSTS:
      'vault-injector,vault-injector.vault-injector,vault-injector.vault-injector.svc',
    AGENT_INJECT_USE_LEADER_ELECTOR: 'true',
    AGENT_INJECT_CPU_REQUEST: '50m',
    AGENT_INJECT_CPU_LIMIT: '250m',
    AGENT_INJECT_MEM_REQUEST: '64Mi',
    AGENT_INJECT_MEM_LIMIT: '128Mi',
    AGENT_INJECT_AUTH_MAX_BACKOFF: '15s',
    // Without these two it looks healthy, and has no leader.
    NAMESPACE: { fieldRef: { fieldPath: 'metadata.namespace' } },
    POD_NAME: { fieldRef: { fieldPath: 'metadata.name' } },
  })
  const pod = injector().spec?.template.spec
  assert.deepEqual(
    [pod?.securityContext, pod?.containers.map(({ securityContext }) => securityContext), pod?.volumes],
    [
      {
        runAsNonRoot: true,
        runAsUser: 100,
        runAsGroup: 100,
        fsGroup: 100,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      [
        {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        },
      ],
      [],
    ],
  )
  assert.deepEqual(
    pod?.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey),
    ['kubernetes.io/hostname'],
  )
})

test('two pods, replaced one after another, each with the token of its account', () => {
  const { spec } = injector()
  assert.equal(spec?.replicas, 2)
  assert.deepEqual(spec?.strategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
  })
  const pod = spec?.template.spec
  assert.equal(pod?.automountServiceAccountToken, true)
  assert.equal(pod?.serviceAccountName, 'vault-injector')
  assert.equal(pod?.hostNetwork, undefined)
  const [one] = pod?.containers ?? []
  assert.deepEqual(one?.lifecycle, { preStop: { sleep: { seconds: 5 } } })
  const { periodSeconds = 0, failureThreshold = 0 } = one?.startupProbe ?? {}
  assert.ok(periodSeconds * failureThreshold >= 60)
  for (const probe of [one?.startupProbe, one?.livenessProbe, one?.readinessProbe])
    assert.deepEqual(probe?.httpGet, { path: '/health/ready', port: 8080, scheme: 'HTTPS' })
  const budget = find('PodDisruptionBudget', 'vault-injector') as { spec?: { maxUnavailable?: number } }
  assert.equal(budget.spec?.maxUnavailable, 1)
})

test('its certificate is for the names of its Service, which leads to its port', () => {
  const service = find('Service', 'vault-injector') as { spec?: { ports?: object[] } }
  assert.deepEqual(service.spec?.ports, [{ name: 'https', port: 443, targetPort: 8080 }])
  assert.equal(
    environment()['AGENT_INJECT_TLS_AUTO_HOSTS'],
    'vault-injector,vault-injector.vault-injector,vault-injector.vault-injector.svc',
  )
  assert.equal(environment()['AGENT_INJECT_TLS_AUTO'], 'keybuzz-vault-injector')
})

test('with a CA it is in a Secret under its setting’s key, and another one restarts the injector; without one it is nowhere', () => {
  const one = find('Secret', 'vault-ca', { VAULT_CA: ca }) as { data?: Record<string, string> }
  assert.equal(Buffer.from(one.data?.['VAULT_CA'] ?? '', 'base64').toString(), ca)
  assert.deepEqual(environment({ VAULT_CA: ca })['AGENT_INJECT_VAULT_CACERT_BYTES'], {
    secretKeyRef: { name: 'vault-ca', key: 'VAULT_CA' },
  })
  const annotations = (more: object) => injector(more).spec?.template.metadata?.annotations
  assert.notDeepEqual(annotations({ VAULT_CA: ca }), annotations({ VAULT_CA: `${ca}${ca}` }))
  assert.ok(!('AGENT_INJECT_VAULT_CACERT_BYTES' in environment()))
  assert.ok(!objectsOf().some(({ kind, metadata }) => kind === 'Secret' && metadata?.name === 'vault-ca'))
})

test('the webhook: no caBundle, only labelled namespaces, only pods that ask, never its own; and then it must answer', () => {
  const { webhooks } = find('MutatingWebhookConfiguration', 'keybuzz-vault-injector') as unknown as {
    webhooks: Record<string, unknown>[]
  }
  assert.equal(webhooks.length, 1)
  const [one = {}] = webhooks
  assert.deepEqual(Object.keys(one['clientConfig'] ?? {}), ['service'])
  assert.equal(one['failurePolicy'], 'Fail')
  assert.deepEqual(one['namespaceSelector'], { matchLabels: { 'keybuzz.io/vault-injection': 'enabled' } })
  assert.deepEqual(one['objectSelector'], {
    matchExpressions: [{ key: 'app.kubernetes.io/name', operator: 'NotIn', values: ['vault-injector'] }],
  })
  const [condition] = one['matchConditions'] as { expression: string }[]
  assert.equal(
    condition?.expression,
    "has(object.metadata.annotations) && 'vault.hashicorp.com/agent-inject' in object.metadata.annotations",
  )
  assert.deepEqual(one['rules'], [
    {
      apiGroups: [''],
      apiVersions: ['v1'],
      operations: ['CREATE'],
      resources: ['pods'],
      scope: 'Namespaced',
    },
  ])
})

test('one namespace alone asks for injection: that of the checks', () => {
  const labelled = objectsOf().filter(
    ({ kind, metadata }) => kind === 'Namespace' && metadata?.labels?.['keybuzz.io/vault-injection'],
  )
  assert.deepEqual(
    labelled.map(({ metadata }) => metadata?.name),
    ['vault-check'],
  )
})

interface Rules {
  readonly rules: { resources: string[]; verbs: string[]; resourceNames?: string[] }[]
}

test('the rights of the injector: those that were tried, and no Secret beyond its namespace', () => {
  const { rules } = find('ClusterRole', 'keybuzz-vault-injector') as unknown as Rules
  assert.deepEqual(
    rules.map(({ resources, verbs, resourceNames = [] }) =>
      [...resources, ...resourceNames, ...verbs].join(' '),
    ),
    [
      'mutatingwebhookconfigurations list watch',
      'mutatingwebhookconfigurations keybuzz-vault-injector get patch',
      'nodes get',
    ],
  )
  const own = find('Role', 'vault-injector') as unknown as Rules
  assert.equal((own as unknown as Manifest).metadata?.namespace, 'vault-injector')
  assert.deepEqual(
    own.rules.map(({ resources, verbs, resourceNames = [] }) =>
      [...resources, ...resourceNames, ...verbs].join(' '),
    ),
    [
      'secrets create list watch',
      'secrets vault-injector-certs update',
      'configmaps create',
      'configmaps vault-k8s-leader get delete',
      'pods get delete',
    ],
  )
})

test('the reviewer’s lasting token is in a namespace of its own: the injector reads every Secret of its', () => {
  const secret = find('Secret', 'vault-reviewer-token')
  assert.equal(secret.metadata?.namespace, 'vault-reviewer')
  assert.deepEqual(Object.keys(secret).toSorted(), ['apiVersion', 'kind', 'metadata', 'type'])
  const binding = find('ClusterRoleBinding', 'keybuzz-vault-reviewer') as unknown as {
    roleRef: { name: string }
    subjects: object[]
  }
  assert.equal(binding.roleRef.name, 'system:auth-delegator')
  assert.deepEqual(binding.subjects, [
    { kind: 'ServiceAccount', namespace: 'vault-reviewer', name: 'vault-reviewer' },
  ])
})

test('by jwt the injector is told so, and there is no reviewer: Vault sends no TokenReview', () => {
  const by = (VAULT_AUTH_METHOD: string) => objectsOf({ VAULT_AUTH_METHOD }).map(nameOf)
  assert.deepEqual(
    by('kubernetes').filter((name) => !by('jwt').includes(name)),
    [
      'Namespace vault-reviewer',
      'ServiceAccount vault-reviewer/vault-reviewer',
      'ClusterRoleBinding keybuzz-vault-reviewer',
      'Secret vault-reviewer/vault-reviewer-token',
    ],
  )
  const told = environment({ VAULT_AUTH_METHOD: 'jwt' })
  assert.equal(told['AGENT_INJECT_VAULT_AUTH_TYPE'], 'jwt')
  assert.equal(told['AGENT_INJECT_VAULT_AUTH_PATH'], 'auth/jwt')
  assert.equal(environment()['AGENT_INJECT_VAULT_AUTH_TYPE'], 'kubernetes')
})

test('the path is the method’s name unless given; by jwt no address of the API server is asked for', () => {
  const of = (more: Record<string, string>) => {
    const sources = { env: 'staging', overrides: {}, saved: more, variables: {} }
    const all = resolve([...vault.shared, ...vault.settings], sources)
    const text = (key: string) => all.find(({ setting }) => setting.key === key)?.text
    return { path: text('VAULT_AUTH_PATH'), lacks: missing(all).map(({ key }) => key) }
  }
  const jwt = of({ VAULT_AUTH_METHOD: 'jwt' })
  assert.equal(jwt.path, 'jwt')
  assert.ok(!jwt.lacks.includes('VAULT_KUBERNETES_URL'))
  assert.equal(of({}).path, 'kubernetes')
  assert.ok(of({}).lacks.includes('VAULT_KUBERNETES_URL'))
  assert.equal(of({ VAULT_AUTH_METHOD: 'jwt', VAULT_AUTH_PATH: 'jwt-2' }).path, 'jwt-2')
})

test('an uninstall names what stays in Vault, and the information screen how pods log in, by either method', () => {
  for (const [VAULT_AUTH_METHOD, login] of [
    ['kubernetes', /asked back at https:\/\/10\.0\.0\.20:6443/],
    ['jwt', /^auth\/jwt, proven by this cluster’s public keys$/],
  ] as const) {
    const settings = settingsFor({ VAULT_AUTH_METHOD })
    assert.match(
      vault.stays(settings).join(),
      new RegExp(`auth method ${VAULT_AUTH_METHOD} at ${VAULT_AUTH_METHOD}, role keybuzz-check`),
    )
    assert.match(vault.information(settings).find(([label]) => label === 'Logins')?.[1] ?? '', login)
    const limits = vault.notProven(settings).join()
    assert.equal(/deleted pod or service account/.test(limits), VAULT_AUTH_METHOD === 'jwt')
  }
})

test('an account of the same name as the checks’ is in another namespace, without rights', () => {
  const accounts = objectsOf().filter(
    ({ kind, metadata }) => kind === 'ServiceAccount' && metadata?.name === 'vault-check',
  )
  assert.deepEqual(
    accounts.map(({ metadata }) => metadata?.namespace),
    ['vault-injector', 'vault-check'],
  )
  const bindings = objectsOf().flatMap((one) => (one as { subjects?: { name: string }[] }).subjects ?? [])
  assert.ok(!bindings.some(({ name }) => name === 'vault-check'))
})

test('every kind it makes is one the kit reads, prunes and uninstalls; no other module asks for these', () => {
  const known = [...prunableKinds, ...vault.moreKinds].map((kind) => kind.split('.')[0])
  const kinds = [...new Set(objectsOf({ VAULT_CA: ca }).map(({ kind = '' }) => kind))]
  for (const kind of kinds.filter((one) => one !== 'Namespace'))
    assert.ok(known.includes(`${kind.toLowerCase()}s`), kind)
})

test('an uninstall takes the webhook first: without an injector it would refuse pods', () => {
  const live = objectsOf().filter(({ kind }) => kind !== 'Namespace') as LiveObject[]
  const [first] = inRemovalOrder(live, () => '01_deploy')
  assert.equal(first && nameOf(first), 'MutatingWebhookConfiguration keybuzz-vault-injector')
})

test('an uninstall deletes the injector’s private key, and names what stays in Vault', () => {
  assert.deepEqual(vault.madeByPods, [
    { kind: 'secrets', namespace: 'vault-injector', name: 'vault-injector-certs' },
  ])
  assert.deepEqual(vault.stays(settingsFor()), [
    'in Vault https://vault.example.com:8200: auth method kubernetes at kubernetes, role keybuzz-check, policy keybuzz-kubernetes-check, value kv/data/keybuzz/check',
  ])
})

const rule = (key: string, text: string): string | undefined => {
  const setting = [...vault.settings, ...vault.shared].find((one) => one.key === key)
  assert.ok(setting, key)
  return problemWith(setting, text, { env: 'staging', text: () => undefined })
}

for (const [key, good, bad, why] of [
  ['VAULT_ADDR', 'https://10.0.0.10:8200', 'http://10.0.0.10:8200', /tokens would travel in the clear/],
  ['VAULT_ADDR', 'https://vault.example.com', 'https://vault.example.com/ui', /without a path/],
  ['VAULT_AUTH_PATH', 'kubernetes-staging', 'kubernetes/staging', /one word/],
  ['VAULT_AUTH_PATH', 'kubernetes', '/kubernetes', /one word/],
  ['VAULT_KV_MOUNT', 'teams/kv', 'kv/', /not at either end/],
  ['VAULT_KV_PREFIX', 'keybuzz', '/keybuzz', /not at either end/],
  ['VAULT_AUTH_METHOD', 'jwt', 'oidc', /must be one of kubernetes, jwt/],
  ['VAULT_KUBERNETES_URL', 'https://10.0.0.20:6443', '10.0.0.20:6443', /must be an origin/],
] as const) {
  test(`${key}: ${good} is right, ${bad} is not`, () => {
    assert.equal(rule(key, good), undefined)
    assert.match(rule(key, bad) ?? '', why)
  })
}

test('a token and an AppRole exclude each other, and half an AppRole is none', () => {
  const problems = (more: Record<string, string>) => vault.validate(settingsFor(more))
  assert.deepEqual(problems({}), [])
  assert.deepEqual(problems({ VAULT_TOKEN: 'token-of-the-tests' }), [])
  assert.deepEqual(problems({ VAULT_ROLE_ID: 'role-1', VAULT_SECRET_ID: 'secret-1' }), [])
  assert.match(problems({ VAULT_ROLE_ID: 'role-1' }).join(), /belong together/)
  const all = { VAULT_TOKEN: 'token-1', VAULT_ROLE_ID: 'role-1', VAULT_SECRET_ID: 'secret-1' }
  assert.match(problems(all).join(), /exclude each other/)
})

test('no object holds what was given for the set-up', () => {
  const given = { VAULT_TOKEN: 'token-1', VAULT_ROLE_ID: 'role-1', VAULT_SECRET_ID: 'secret-1' }
  const text = JSON.stringify(objectsOf(given))
  assert.equal(text, JSON.stringify(objectsOf()))
})
