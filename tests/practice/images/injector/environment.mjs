// The environment of the injector, as module 14 gives it. The real program knows more variables; here one that is not known is
// an error, so that the kit cannot begin to rely on it unnoticed.

/** Every variable it knows behind AGENT_INJECT_; null where it must be given. The others have the real program's defaults. */
const variables = {
  LISTEN: null,
  LOG_LEVEL: 'info',
  VAULT_ADDR: null,
  VAULT_IMAGE: null,
  VAULT_AUTH_TYPE: 'kubernetes',
  VAULT_AUTH_PATH: 'auth/kubernetes',
  VAULT_NAMESPACE: '',
  VAULT_CACERT_BYTES: '',
  TLS_AUTO: null,
  TLS_AUTO_HOSTS: null,
  USE_LEADER_ELECTOR: null,
  CPU_REQUEST: '250m',
  CPU_LIMIT: '500m',
  MEM_REQUEST: '64Mi',
  MEM_LIMIT: '128Mi',
  AUTH_MAX_BACKOFF: '',
}
const start = 'AGENT_INJECT_'

const given = (text) => (text === '' ? undefined : text)

/**
 * What the environment says: of this program, and under `agents` of the containers it adds.
 * @throws Error that names what is not known, not given or wrong
 */
export function readEnvironment(environment) {
  const foreign = Object.keys(environment).filter(
    (name) => name.startsWith(start) && !Object.hasOwn(variables, name.slice(start.length)),
  )
  if (foreign.length > 0) throw new Error(`it knows no variable ${foreign.join(', ')}`)
  const missing = Object.entries(variables)
    .filter(([name, otherwise]) => otherwise === null && !environment[start + name])
    .map(([name]) => start + name)
  if (!environment.POD_NAME) missing.push('POD_NAME')
  if (missing.length > 0) throw new Error(`${missing.join(', ')}: not set`)
  const env = Object.fromEntries(
    Object.entries(variables).map(([name, otherwise]) => [name, environment[start + name] ?? otherwise]),
  )
  if (env.USE_LEADER_ELECTOR !== 'true') throw new Error(`${start}USE_LEADER_ELECTOR: it knows true only`)
  const [, host, port] = /^(.*):(\d+)$/.exec(env.LISTEN) ?? []
  if (port === undefined) throw new Error(`${start}LISTEN is ${env.LISTEN}: no HOST:PORT`)
  return {
    pod: environment.POD_NAME,
    listen: { host: given(host), port: Number(port) },
    webhook: env.TLS_AUTO,
    hosts: env.TLS_AUTO_HOSTS.split(','),
    agents: {
      image: env.VAULT_IMAGE,
      address: env.VAULT_ADDR,
      authType: env.VAULT_AUTH_TYPE,
      authPath: env.VAULT_AUTH_PATH,
      namespace: given(env.VAULT_NAMESPACE),
      cacert: given(env.VAULT_CACERT_BYTES),
      maxBackoff: given(env.AUTH_MAX_BACKOFF),
      resources: {
        limits: { cpu: env.CPU_LIMIT, memory: env.MEM_LIMIT },
        requests: { cpu: env.CPU_REQUEST, memory: env.MEM_REQUEST },
      },
    },
  }
}
