import type { HostDocument } from '../host/document.mts'
import { isWithin } from '../host/cidr.mts'

// Rules an operator made with iptables, as `iptables -S` says them: of its chains INPUT and FORWARD.

type Chain = 'INPUT' | 'FORWARD'

/** The rules of a chain in their order, each without its comment. */
const rulesIn = (said: HostDocument, chain: Chain): string[] =>
  said
    .all('rule')
    .filter(([verb, name]) => verb === '-A' && name === chain)
    .map(([, , ...words]) => words.join(' ').replace(/-m comment --comment ("[^"]*"|\S+) ?/, ''))

/** A rule without a condition, which nothing passes. */
const stops = (rule: string): boolean => /^-j (DROP|REJECT)( --reject-with \S+)?$/.test(rule)

/** The policy of a chain; undefined where no iptables answers. Pure. */
export const policyOf = (said: HostDocument, chain: Chain): string | undefined =>
  said.all('rule').find(([verb, name]) => verb === '-P' && name === chain)?.[2]

/**
 * The rule that stops everything which came so far; undefined when one of these lets all through before, or none is
 * there. Pure.
 */
export function stoppingRule(said: HostDocument, chain: Chain, letThrough: RegExp): string | undefined {
  const first = rulesIn(said, chain).find((rule) => stops(rule) || letThrough.test(rule))
  return first !== undefined && stops(first) ? first : undefined
}

/** Which of these ranges INPUT stops: its last word is no, and no rule before lets the whole range in. Pure. */
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
