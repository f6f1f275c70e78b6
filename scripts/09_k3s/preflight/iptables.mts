import type { HostDocument } from '../host/document.mts'
import { isWithin } from '../host/cidr.mts'

// Rules that an operator made with iptables in the chains INPUT and FORWARD, as `iptables -S` prints them.

type Chain = 'INPUT' | 'FORWARD'

/** The rules of a chain in their order, each without its comment. */
const rulesIn = (said: HostDocument, chain: Chain): string[] =>
  said
    .all('rule')
    .filter(([verb, name]) => verb === '-A' && name === chain)
    .map(([, , ...words]) => words.join(' ').replace(/-m comment --comment ("[^"]*"|\S+) ?/, ''))

/** True for a rule without a condition that drops or rejects every packet. */
const stops = (rule: string): boolean => /^-j (DROP|REJECT)( --reject-with \S+)?$/.test(rule)

/** The policy of a chain; undefined where there is no iptables. Pure. */
export const policyOf = (said: HostDocument, chain: Chain): string | undefined =>
  said.all('rule').find(([verb, name]) => verb === '-P' && name === chain)?.[2]

/**
 * The first rule that drops or rejects every remaining packet; undefined when there is none, or when a rule that
 * matches `letThrough` precedes it. Pure.
 */
export function stoppingRule(said: HostDocument, chain: Chain, letThrough: RegExp): string | undefined {
  const first = rulesIn(said, chain).find((rule) => stops(rule) || letThrough.test(rule))
  return first !== undefined && stops(first) ? first : undefined
}

/**
 * Which of these ranges INPUT stops: those no rule accepts as a whole, where what no rule matches is dropped or
 * rejected. Pure.
 * @throws KitError exit 2 for a range that is not IPv4
 */
export function stoppedAtInput(said: HostDocument, ranges: readonly string[]): string[] {
  const rules = rulesIn(said, 'INPUT')
  const end = rules.findIndex((rule) => stops(rule) || rule === '-j ACCEPT')
  const accepts = rules[end] === '-j ACCEPT' || (end < 0 && policyOf(said, 'INPUT') !== 'DROP')
  if (accepts) return []
  const letIn = rules.slice(0, end < 0 ? undefined : end).flatMap((rule) => {
    const source = /^-s ([\d./]+) -j ACCEPT$/.exec(rule)?.[1]
    return source === undefined ? [] : [source]
  })
  return ranges.filter((range) => !letIn.some((source) => isWithin(range, source)))
}
