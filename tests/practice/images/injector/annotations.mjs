// What a pod asks for by its annotations, as vault-k8s 1.7.6 reads them: those that the kit gives, and no other. The real
// program knows some hundred, and accepts unknown ones without a word; here each one is named and refused.

const prefix = 'vault.hashicorp.com/'
export const statusAnnotation = `${prefix}agent-inject-status`

const known = [
  'agent-inject',
  'agent-inject-status',
  'agent-inject-containers',
  'agent-init-first',
  'agent-pre-populate-only',
  'agent-run-as-user',
  'agent-run-as-group',
  'agent-service-account-token-volume-name',
  'auth-type',
  'auth-path',
  'auth-config-path',
  'auth-config-remove-jwt-after-reading',
  'role',
  'service',
  'template-config-exit-on-retry-failure',
  'template-static-secret-render-interval',
]
/** Those that end with the name of a file; the kit gives each file all four. */
const ofFile = [
  'agent-inject-secret-',
  'agent-inject-template-',
  'agent-inject-perms-',
  'error-on-missing-key-',
]

/** Why a pod is refused. */
export class Refusal extends Error {}

/** A refusal that the real program would not give. */
const standInRefuses = (why) => new Refusal(`STAND-IN of vault-k8s: ${why}`)

const truths = { 1: true, t: true, T: true, true: true, TRUE: true, True: true }
const untruths = { 0: false, f: false, F: false, false: false, FALSE: false, False: false }

/** As Go reads one, with the real program's words for what is none. @param doing what the program was doing */
function readBoolean(text, doing) {
  const value = { ...truths, ...untruths }[text]
  if (value !== undefined) return value
  throw new Refusal(
    `error ${doing}: cannot parse '' as bool: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  )
}

const making = 'creating new agent sidecar'

function readInteger(text) {
  if (/^[+-]?\d+$/.test(text)) return Number(text)
  throw new Refusal(`error ${making}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}

/** Whether a pod asks for injection, and has not had it. @throws Refusal for a value that is neither true nor false */
export function asksForInjection(annotations = {}) {
  const asks = annotations[`${prefix}agent-inject`]
  if (asks === undefined || !readBoolean(asks, 'checking if should inject agent')) return false
  return annotations[statusAnnotation] !== 'injected'
}

/**
 * What the annotations of a pod say.
 * @param defaults what the injector's own environment gives pods that do not say it: authType, authPath, address
 * @throws Refusal for an annotation that the kit does not give, one that is missing, or a value that is wrong
 */
export function readAnnotations(annotations, defaults) {
  const words = Object.entries(annotations).flatMap(([key, value]) =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  )
  for (const [word] of words) {
    if (!known.includes(word) && !ofFile.some((start) => word.startsWith(start)))
      throw standInRefuses(`it knows no annotation ${prefix}${word}: the kit gives none`)
  }
  const all = Object.fromEntries(words)
  const boolean = (word, otherwise) => (all[word] === undefined ? otherwise : readBoolean(all[word], making))
  const wanted = (word) => {
    if (all[word] === undefined) throw standInRefuses(`it needs the annotation ${prefix}${word}`)
    return all[word]
  }
  return {
    role: all['role'],
    address: all['service'] ?? defaults.address,
    auth: {
      type: all['auth-type'] ?? defaults.authType,
      path: all['auth-path'] ?? defaults.authPath,
      config: {
        path: all['auth-config-path'],
        remove_jwt_after_reading: all['auth-config-remove-jwt-after-reading'],
      },
    },
    tokenVolume: wanted('agent-service-account-token-volume-name'),
    containers: wanted('agent-inject-containers').split(','),
    user: readInteger(wanted('agent-run-as-user')),
    group: readInteger(wanted('agent-run-as-group')),
    isInitFirst: boolean('agent-init-first', false),
    isInitOnly: boolean('agent-pre-populate-only', false),
    template: {
      exit_on_retry_failure: boolean('template-config-exit-on-retry-failure', true),
      static_secret_render_interval: all['template-static-secret-render-interval'],
    },
    files: filesIn(words, wanted),
  }
}

/** The files, each with all four of its annotations. */
function filesIn(words, wanted) {
  const names = new Set(
    words.flatMap(([word]) =>
      ofFile.flatMap((start) => (word.startsWith(start) ? [word.slice(start.length)] : [])),
    ),
  )
  return [...names].map((name) => {
    // Where it is false the real one leaves it out.
    const [, contents, perms, fails] = ofFile.map((start) => wanted(start + name))
    return {
      name: name.toLowerCase(),
      contents,
      perms,
      error_on_missing_key: readBoolean(fails, making) || undefined,
    }
  })
}
