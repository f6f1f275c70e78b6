import { anyText, fields, listOf, optional, text, type Shape } from '../../../lib/base/shape.mts'
import { nodeOfMember } from '../host/joined.mts'

/** One member of etcd, as its own list has it. */
export interface Member {
  /** Digits; empty where its list gave none. */
  readonly id: string
  /** Empty until it has started for the first time. */
  readonly name: string
  /** The host part of its peer URL. */
  readonly address: string
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

/** The list behind `members=` in what a server said; undefined when etcd gave none, or something else answered. */
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

/** True for the member of that server, also when its address has changed since it joined. */
export const isMemberOf = (member: Member, { name, address }: { name: string; address: string }): boolean =>
  member.address === address || member.name === name || nodeOfMember(member.name) === name

/** Servers whose votes do not matter for a question. */
export type Without = readonly string[] | 'others'

/**
 * What keeps a cluster's etcd from losing a member safely. The list decides; where etcd gives none over HTTP, the
 * condition EtcdIsVoter that K3s writes to each server's Node.
 * @param voters `NAME:True NAME: ...` of all Nodes, workers without a status
 * @param own the address of the server that was asked: it must be a member, with a vote
 * @param without addresses of servers whose votes are not asked for; `others`: of none but its own
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
