import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { written } from '../../../lib/base/written.mts'
import { paths } from '../host/paths.mts'
import { isKeyOf } from './bootstrap-key.mts'
import type { HostState } from './host-state.mts'

// What an operator is told when the settings have another token than the cluster. Every place that has a value is
// named, no value is shown. All exit 5, before anything is written. Pure.

/** One of the two tokens. */
export interface Token {
  /** Its setting. */
  readonly key: 'K3S_TOKEN' | 'K3S_AGENT_TOKEN'
  /** Its key in HostState.tokens. */
  readonly kind: keyof HostState['tokens']
  /** The file of K3s on a server that contains it. */
  readonly file: string
  /** Its key in config.yaml, with the colon. */
  readonly line: string
}

/** Where the README says what may have happened to the tokens, and what to type. */
export const tokensSection = 'scripts/09_k3s/README.md, "Tokens and snapshots"'

const namesOf = (some: readonly HostState[]): string => some.map(({ name }) => name).join(', ')

/** The command that shows a token on a host. It shows the part that the setting has. */
const showing = (file: string): string => `sed 's/.*://' ${file}`

const conflict = (what: string, details: readonly string[], hint: string): KitError =>
  new KitError(what, { exitCode: exitCodes.conflict, details: [...details, written()], hint })

/** The places that have the same value, a line for each value. @param sum of the setting, when it has one */
function placesOf({ kind, file }: Token, holders: readonly HostState[], sum?: string): string[] {
  const values = new Set([...(sum === undefined ? [] : [sum]), ...holders.map(({ tokens }) => tokens[kind])])
  return [...values].map((value, at) => {
    const same = holders.filter(({ tokens }) => tokens[kind] === value)
    const places = [
      ...(value === sum ? ['09_k3s.env'] : []),
      ...(same.length === 0 ? [] : [`${file} of ${namesOf(same)}`]),
    ]
    return `${at === 0 ? 'one value' : 'another'}: ${places.join('; ')}`
  })
}

/** etcd tells that the setting is not the server token of the cluster. @param keys see bootstrapKeysOf */
export function anotherInDatabase(
  token: Token,
  holders: readonly HostState[],
  keys: readonly string[],
): KitError {
  const { key, file } = token
  const right = holders.filter(({ tokens }) => isKeyOf(keys, tokens.server))
  const [one] = right
  const rest = `then run the same command again: it starts the servers with it, one after another. Keep the value from before with the snapshots of its time. ${tokensSection}`
  return conflict(
    `${key} is not the one etcd of the cluster has`,
    [
      one === undefined
        ? `Neither 09_k3s.env nor ${file} of ${namesOf(holders)} has it.`
        : `${file} of ${namesOf(right)} has it, 09_k3s.env has another.`,
      'A server that starts with another one ends: "bootstrap data already found and encrypted with different token".',
    ],
    one === undefined
      ? `write into 09_k3s.env of this environment the one that was given to k3s token rotate; ${rest}`
      : `write into 09_k3s.env of this environment what this shows on ${one.name}: ${showing(file)}   ${rest}`,
  )
}

/** The setting and the files of the masters differ, and nothing tells which is right: both ways are named. */
export function anotherOnHosts(token: Token, holders: readonly HostState[], sum: string): KitError {
  const { key, kind, file, line } = token
  const others = holders.filter(({ tokens }) => tokens[kind] !== sum)
  const back = `systemctl stop k3s; the value from before into ${line} of ${paths.config}; rm ${paths.passwd}; systemctl start k3s`
  return conflict(
    `${key} is not the one ${namesOf(others)} ${others.length === 1 ? 'has' : 'have'}`,
    [
      ...placesOf(token, holders, sum),
      kind === 'server'
        ? 'No etcd that runs told which is right. With another one than its own a cluster does not start, and its snapshots do not open.'
        : 'K3s tells nobody which is right. With another one than its own a server starts once, and ends at its next start.',
    ],
    [
      // With a master that has what the settings have, it was changed on others in any case.
      ...(others.length < holders.length
        ? []
        : [
            `if 09_k3s.env was changed or lost: write into it what this shows on ${others[0]?.name}: ${showing(file)}   `,
          ]),
      `if ${line} was changed on ${namesOf(others)}: there, one after another: ${back}   `,
      ...(kind === 'server' ? ['if k3s token rotate was typed: the one it was given is right. '] : []),
      tokensSection,
    ].join(''),
  )
}

/** The settings lack a token, and the masters have several. */
export const severalOnHosts = (token: Token, holders: readonly HostState[]): KitError =>
  conflict(
    `${token.key} is missing, and the masters have different ones`,
    placesOf(token, holders),
    `put 09_k3s.env of this environment back from your backup, or write ${token.key} into it: ${showing(token.file)} shows that of a master. Which is right: ${tokensSection}`,
  )

/** The settings lack a token, and no master has the right one. @param isToldByEtcd etcd told which one is right */
export const noneHas = (
  { key, file }: Token,
  states: readonly HostState[],
  isToldByEtcd: boolean,
): KitError =>
  conflict(
    `${key} is missing, and no master has the one its cluster ${isToldByEtcd ? 'has in etcd' : 'was made with'}`,
    [`${file} was looked at on ${namesOf(states)}.`],
    `put 09_k3s.env of this environment back from your backup, or write ${key} into it${isToldByEtcd ? ': the one that was given to k3s token rotate' : ''}. ${tokensSection}`,
  )
