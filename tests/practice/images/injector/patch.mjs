// The JSON patch that makes a pod get its files: pure. Each part as vault-k8s 1.7.6 makes it; a test compares both.
import { asksForInjection, readAnnotations, Refusal, statusAnnotation } from './annotations.mjs'

const tokenFolder = '/var/run/secrets/vault.hashicorp.com/serviceaccount'
const secrets = { name: 'vault-secrets', mountPath: '/vault/secrets' }
const home = '/home/vault'

/**
 * The patch for a pod; undefined for one that does not ask.
 * @param injector what the injector's environment says of the containers it adds (environment.mjs)
 * @throws Refusal for a pod that cannot be injected
 */
export function patchFor(pod, namespace, injector) {
  const { metadata = {}, spec = {} } = pod
  if (!asksForInjection(metadata.annotations)) return undefined
  if (['kube-system', 'kube-public'].includes(namespace))
    throw new Refusal(`error with request namespace: cannot inject into system namespaces: ${namespace}`)
  const wanted = readAnnotations(metadata.annotations, injector)
  const tokenPath = `${tokenFolder}/${tokenFileIn(spec, wanted.tokenVolume)}`
  if (!wanted.role) throw new Refusal('error validating agent configuration: no Vault role found')
  const agent = (more) => agentContainer({ ...more, wanted, tokenPath, injector })
  const init = agent({ name: 'vault-agent-init', isInit: true })
  return [
    ...memoryVolumes(['home-init', ...(wanted.isInitOnly ? [] : ['home-sidecar']), secrets.name]),
    ...(spec.containers ?? []).flatMap((one, at) =>
      wanted.containers.includes(one.name) ? [mountOn(one, `/spec/containers/${at}`)] : [],
    ),
    ...initContainers(spec.initContainers ?? [], init, wanted.isInitFirst),
    ...(wanted.isInitOnly ? [] : [add('/spec/containers/-', agent({ name: 'vault-agent', isInit: false }))]),
    add(`/metadata/annotations/${statusAnnotation.replaceAll('/', '~1')}`, 'injected'),
  ]
}

const add = (path, value) => ({ op: 'add', path, value })

// A pod that asks has the volume of its token, so that there is a list to add to.
const memoryVolumes = (names) =>
  names.map((name) => add('/spec/volumes/-', { name, emptyDir: { medium: 'Memory' } }))

const mountOn = ({ volumeMounts = [] }, path) =>
  volumeMounts.length === 0 ? add(`${path}/volumeMounts`, [secrets]) : add(`${path}/volumeMounts/-`, secrets)

/** Every init container gets the files; the list is made anew where the agent's comes first. */
function initContainers(own, init, isFirst) {
  if (own.length === 0) return [add('/spec/initContainers', [init])]
  const mounts = (from) => own.map((one, at) => mountOn(one, `/spec/initContainers/${at + from}`))
  if (!isFirst) return [add('/spec/initContainers/-', init), ...mounts(0)]
  return [
    { op: 'remove', path: '/spec/initContainers' },
    add('/spec/initContainers', [init]),
    ...own.map((one) => add('/spec/initContainers/-', one)),
    ...mounts(1),
  ]
}

/** The name of the token's file in a projected volume. */
function tokenFileIn({ containers = [], volumes = [] }, name) {
  const volume = volumes.find((one) => one.name === name)
  const cannot = (what) => new Refusal(`error creating new agent sidecar: failed to find ${what} "${name}"`)
  if (volume === undefined) throw cannot('service account volume')
  const source = volume.projected?.sources?.find(({ serviceAccountToken }) => serviceAccountToken)
  if (source === undefined) throw cannot('tokenPath for projected volume')
  if (containers.some(({ volumeMounts = [] }) => volumeMounts.some((one) => one.name === name)))
    throw new Refusal(`STAND-IN of vault-k8s: it knows no pod whose own container mounts the volume ${name}`)
  return source.serviceAccountToken.path
}

const fieldEnv = (name, fieldPath) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

function agentContainer({ name, isInit, wanted, tokenPath, injector }) {
  const config = JSON.stringify(agentConfig(wanted, tokenPath, injector, isInit))
  const token = { name: wanted.tokenVolume, readOnly: true, mountPath: tokenFolder }
  const own = { name: isInit ? 'home-init' : 'home-sidecar', mountPath: home }
  return {
    name,
    image: injector.image,
    command: ['/bin/sh', '-ec'],
    args: [
      `echo \${VAULT_CONFIG?} | base64 -d > ${home}/config.json && vault agent -config=${home}/config.json`,
    ],
    env: [
      fieldEnv('NAMESPACE', 'metadata.namespace'),
      fieldEnv('HOST_IP', 'status.hostIP'),
      fieldEnv('POD_IP', 'status.podIP'),
      { name: 'VAULT_LOG_LEVEL', value: 'info' },
      { name: 'VAULT_LOG_FORMAT', value: 'standard' },
      { name: 'VAULT_CONFIG', value: Buffer.from(config).toString('base64') },
      ...(injector.cacert === undefined ? [] : [{ name: 'VAULT_CACERT_BYTES', value: injector.cacert }]),
    ],
    resources: injector.resources,
    volumeMounts: isInit ? [own, token, secrets] : [token, own, secrets],
    ...(isInit ? {} : { lifecycle: {} }),
    securityContext: {
      capabilities: { drop: ['ALL'] },
      runAsUser: wanted.user,
      runAsGroup: wanted.group,
      runAsNonRoot: wanted.user !== 0 && wanted.group !== 0,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
    },
  }
}

/** The configuration of the agent; JSON leaves out what is undefined. */
const agentConfig = ({ role, address, auth, template, files }, tokenPath, injector, isInit) => ({
  auto_auth: {
    method: {
      type: auth.type,
      mount_path: auth.path,
      max_backoff: injector.maxBackoff,
      namespace: injector.namespace,
      config: { ...auth.config, role, token_path: tokenPath },
    },
    sink: [{ type: 'file', config: { path: `${home}/.vault-token` } }],
  },
  exit_after_auth: isInit,
  pid_file: `${home}/.pid`,
  vault: { address },
  template: files.map(({ name, ...file }) => ({
    destination: `${secrets.mountPath}/${name}`,
    left_delimiter: '{{',
    right_delimiter: '}}',
    ...file,
  })),
  template_config: template,
})
