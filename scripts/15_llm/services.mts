import { listOf, Misfit, onlyFields, optional, text, wholeNumber, type Shape } from '../../lib/base/shape.mts'
import { messageOf } from '../../lib/base/errors.mts'
import type { SettingsView } from '../../lib/settings/settings.mts'
import { isDnsName, isFolder, isPath, type Rule } from '../../lib/settings/validators.mts'
import { denialOfImage, untoldOfImage } from '../../lib/settings/denied-versions.mts'
import { problemWithImage, readVersions, type Versions } from '../../lib/settings/versions.mts'
import { readYaml } from '../../lib/settings/yaml-file.mts'
import { keyNames, keysFile, serviceKeys, type IsKnown } from './keys.mts'
import { variable } from './models.mts'
import { ownNames } from './names.mts'

// The operator's list of AI services beside LiteLLM: each gets a Deployment and a Service, and with a host an Ingress.

/** The name of the file, in messages. */
export const servicesFile = '15_llm.services.yml'

/** Requests and limits of one service. All are Kubernetes quantities. */
interface Sizes {
  readonly cpu: string
  readonly memory: string
  readonly cpuLimit: string
  readonly memoryLimit: string
}

/** One service. */
export interface Service {
  /** The name of its Deployment and Service: a DNS label. */
  readonly name: string
  readonly image: string
  readonly port: number
  /** The path that answers 200 while it can work; the probes and a check request it. */
  readonly health: string
  readonly resources: Sizes
  /** uid and gid of the image's own user; absent only as root. */
  readonly uid?: number
  /** Names of its variables from the file of keys; also QDRANT_API_KEY. */
  readonly environment?: readonly string[]
  /** Folders it writes into: emptyDirs, lost when the pod ends. */
  readonly folders?: readonly string[]
  /** Its public name; without one it can be reached only inside the cluster. */
  readonly host?: string
  /** Pods; 1 unless given. */
  readonly replicas?: number
  /** True to run it as root with a writable root filesystem. */
  readonly root?: true
}

const by =
  (rule: Rule): Shape<string> =>
  (value, path) => {
    const one = text(value, path)
    const problem = rule(one)
    if (problem !== undefined) throw new Misfit(path, problem)
    return one
  }

const pattern = (form: RegExp, what: string): Shape<string> =>
  by((value) => (form.test(value) ? undefined : `must be ${what}`))

const between =
  (least: number, most: number): Shape<number> =>
  (value, path) => {
    const number = wholeNumber(value, path)
    if (number < least || number > most) throw new Misfit(path, `must be from ${least} to ${most}`)
    return number
  }

const always: Shape<true> = (value, path) => {
  if (value !== true) throw new Misfit(path, 'must be true, or be left out')
  return value
}

const cpu = pattern(
  /^([1-9]\d*m|[1-9]\d*(\.\d{1,3})?|0\.\d{1,3})$/,
  'an amount of CPU as text, such as 100m or "2"',
)
const memory = pattern(/^[1-9]\d*(Mi|Gi)$/, 'an amount of memory such as 512Mi')

const shape = onlyFields({
  services: listOf(
    onlyFields({
      name: pattern(
        /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
        'a DNS label of up to 40 characters, such as embedder',
      ),
      image: by((value) => problemWithImage(value)),
      port: between(1, 65_535),
      health: by(isPath),
      resources: onlyFields({ cpu, memory, cpuLimit: cpu, memoryLimit: memory }),
      uid: optional(between(1, 65_535)),
      environment: optional(listOf(variable)),
      folders: optional(listOf(by(isFolder))),
      host: optional(by(isDnsName)),
      replicas: optional(between(1, 50)),
      root: optional(always),
    }),
  ),
})

/**
 * Reads the file of services.
 * @param known names of variables that a service may list, see serviceKeys
 * @param host the public name of LiteLLM, which no service may have
 * @param versions those whose denied versions no service may have; without them none is refused
 * @throws KitError exit 2 with line and column: see readYaml; for an image that must never run or does not tell whether it is one, a name or host that is given twice or is the kit's,
 *   uid and root both or neither given, a port below 1024 without root, or a variable that is not set
 */
export function readServices(
  content: string,
  known: IsKnown,
  host: string | undefined,
  versions: Versions = {},
): readonly Service[] {
  const { value, problem, line } = readYaml(servicesFile, content, shape)
  const services: readonly Service[] = value.services
  const twice = (field: 'name' | 'host', at: number): string | undefined => {
    const mine = services[at]?.[field]
    const first = mine === undefined ? at : services.findIndex((one) => one[field] === mine)
    return first === at
      ? undefined
      : `${mine} is given twice (lines ${line(['services', first, field])} and ${line(['services', at, field])})`
  }
  for (const [at, one] of services.entries()) {
    const fail = (field: string, what: string) => problem(['services', at, field], what)
    if (ownNames.includes(one.name))
      throw fail('name', `${one.name} is a name of the kit's own: choose another`)
    const denial = denialOfImage(versions, one.image)
    if (denial !== undefined) throw fail('image', denial)
    const untold = untoldOfImage(versions, one.image)
    if (untold !== undefined) throw fail('image', `${untold}: write tag and digest, name:VERSION@sha256:...`)
    for (const field of ['name', 'host'] as const) {
      const found = twice(field, at)
      if (found !== undefined) throw fail(field, found)
    }
    if (one.host !== undefined && one.host === host)
      throw fail('host', `${one.host} is the public name of LiteLLM (LITELLM_HOST)`)
    if (one.uid === undefined && one.root === undefined)
      throw fail('name', 'it needs uid, the user of its image; or root: true')
    if (one.uid !== undefined && one.root !== undefined)
      throw fail('root', 'root: true and uid exclude each other')
    if (one.root === undefined && one.port < 1024)
      throw fail('port', 'ports below 1024 are for root: choose another, or root: true')
    const unset = one.environment?.find((name) => !known(name))
    if (unset !== undefined)
      throw fail('environment', `it needs ${unset}, which is in no settings file: add it to ${keysFile}`)
  }
  return services
}

/** The validation rule of the file of services. @returns the first problem, or undefined */
export function problemOfServices(content: string, view: SettingsView): string | undefined {
  try {
    readServices(
      content,
      serviceKeys(keyNames(view), view.text('VECTOR_STORE_URL')),
      view.text('LITELLM_HOST'),
      readVersions(view.env).versions,
    )
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}
