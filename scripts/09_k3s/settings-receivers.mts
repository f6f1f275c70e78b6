import { messageOf } from '../../lib/base/errors.mts'
import { listOf, Misfit, onlyFields, optional, text, type Shape } from '../../lib/base/shape.mts'
import { isEmail, isHostWithPort, type Rule } from '../../lib/settings/validators.mts'
import { readYaml } from '../../lib/settings/yaml-file.mts'

// The operator's file of who gets alerts. Its passwords and addresses reach Alertmanager as files of a Secret alone.

/** The name of the file, in messages. */
export const receiversFile = '09_k3s.receivers.yml'

const by =
  (rule: Rule): Shape<string> =>
  (value, path) => {
    const one = text(value, path)
    const problem = rule(one)
    if (problem !== undefined) throw new Misfit(path, problem)
    return one
  }

/** An address that holds a token: never shown, also not in the error. */
const hook = by((value) =>
  /^https?:\/\/[^\s/?#]+(\/\S*)?$/.test(value) && URL.canParse(value)
    ? undefined
    : 'must be an address that begins with https:// or http://',
)

const channel = by((value) =>
  /^[#@]?[\w.-]+$/.test(value) ? undefined : 'must be a channel such as "#alerts", in quotes',
)

const shape = onlyFields({
  mail: optional(
    onlyFields({
      to: listOf(by(isEmail)),
      from: by(isEmail),
      server: by(isHostWithPort),
      user: optional(text),
      password: optional(text),
    }),
  ),
  slack: optional(onlyFields({ url: hook, channel: optional(channel) })),
  webhook: optional(onlyFields({ url: hook })),
  watchdog: optional(onlyFields({ url: hook })),
})

/** Who gets alerts. */
export type Receivers = ReturnType<typeof shape>

/**
 * Reads the file of receivers.
 * @throws KitError exit 2 with line and column: see readYaml; for none of mail, slack and webhook, a mail without an
 *   address, and an account without a password or the other way round
 */
export function readReceivers(content: string): Receivers {
  const { value, problem } = readYaml(receiversFile, content, shape)
  const { mail, slack, webhook } = value
  if (mail === undefined && slack === undefined && webhook === undefined)
    throw problem([], 'names nobody: give mail, slack or webhook')
  if (mail?.to.length === 0) throw problem(['mail', 'to'], 'mail.to has no address')
  if ((mail?.user === undefined) !== (mail?.password === undefined))
    throw problem(['mail'], 'mail: user and password belong together: give both, or none')
  return value
}

/** The problem of a file of receivers, in one sentence; undefined when there is none. */
export function receiversProblem(content: string): string | undefined {
  try {
    readReceivers(content)
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}
