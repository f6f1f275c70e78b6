import { anyText, fields, listOf, optional, text, type Shape } from '../../../lib/base/shape.mts'
import { nodeOfMember } from '../host/joined.mts'

/** One member of etcd, from etcd's own list. */
export interface Member {
  /** Decimal digits; empty when the list has none. */
  readonly id: string
  /** Empty until it has started for the first time. */
  readonly name: string
  /** The host part of its peer URL; `unknown` when it has none. */
  readonly address: string
  /** It has no vote yet. */
  readonly learner: boolean
}

const flag: Shape<unknown> = (value) => value

const answer = fields({
  members: optional(
    listOf(
      fields({
        ID: optional(anyText),
        name: optional(anyText),
        peerURLs: optional(listOf(text)),
        isLearner: optional(flag),
      }),
    ),
  ),
})

/** The members in a line `members=JSON` of membersPart; undefined without one, or when it is not etcd's list. Pure. */
export function membersIn(said: string): Member[] | undefined {
  const json = /^members=(\{.*\})$/m.exec(said)?.[1]
  if (json === undefined) return undefined
  try {
    return answer(JSON.parse(json), '').members?.map(({ ID = '', name = '', peerURLs = [], isLearner }) => ({
      id: /^\d+$/.test(ID) ? ID : '',
      name,
      address: new URL(peerURLs[0] ?? 'https://unknown').hostname.replace(/^\[|\]$/g, ''),
      learner: isLearner === true,
    }))
  } catch {
    return undefined
  }
}

/** True for the member of that server, also when its address has changed since it joined. Pure. */
export const isMemberOf = (member: Member, { name, address }: { name: string; address: string }): boolean =>
  member.address === address || member.name === name || nodeOfMember(member.name) === name

/**
 * The member etcd lists for a server whose own database has another name. Then that database has another history than
 * the listed one: it was reset or restored while the others were away, and they have gone on without it. Pure.
 * @param own the name in the server's own database; undefined when it has none
 * @returns undefined when the server is listed by its own name, by none yet, or not at all
 */
export function memberOfOtherHistory(
  members: readonly Member[],
  server: { name: string; address: string },
  own: string | undefined,
): Member | undefined {
  if (own === undefined) return undefined
  const listed = members.filter((one) => isMemberOf(one, server))
  // A member has no name before its first start.
  return listed.some(({ name }) => name === own || name === '') ? undefined : listed[0]
}

/** Addresses of servers whose votes are not checked; `others`: all but the server that was asked. */
export type Without = readonly string[] | 'others'

/**
 * Which votes are missing in etcd. From its list of members; when it gives none, from the condition EtcdIsVoter that
 * K3s writes to the Node of each server. Pure.
 * @param voters `NAME:True NAME: ...` of all Nodes, workers without a status; used only without `members`
 * @param own address of the server that was asked: it must be a member with a vote
 * @returns one phrase for each problem; empty when there is none
 */
export function memberProblems(
  members: readonly Member[] | undefined,
  voters: string,
  own: string,
  without: Without,
): string[] {
  if (members === undefined) return conditionProblems(voters)
  const asked = (address: string) => address === own || (without !== 'others' && !without.includes(address))
  const voteless = members.filter(({ name, address, learner }) => asked(address) && (learner || name === ''))
  return [
    ...(members.some(({ address }) => address === own) ? [] : ['etcd does not list it as a member']),
    ...voteless.map(({ address }) =>
      address === own ? 'its etcd has no vote yet' : `the etcd member ${address} has no vote`,
    ),
  ]
}

function conditionProblems(voters: string): string[] {
  const told = voters.split(' ').flatMap((one) => {
    const [name = '', status = ''] = one.split(':')
    return status === '' ? [] : [{ name, status }]
  })
  if (told.length === 0) return ['its etcd tells no members yet']
  return told.flatMap(({ name, status }) => (status === 'True' ? [] : [`the etcd of ${name} has no vote`]))
}
