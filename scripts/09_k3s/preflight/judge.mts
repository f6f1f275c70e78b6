import { warning, type Answer, type Outcome } from '../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { log } from '../../../lib/base/log.mts'
import type { HostCheck, HostFacts } from './check.mts'
import { hostChecks } from './checks.mts'
import { written } from '../../../lib/base/written.mts'

/** A check that did not pass on every host. */
export interface Finding extends Pick<Outcome, 'id' | 'title' | 'fix' | 'result'> {
  /** What was observed, and where: `k8s-master-01: 512 MiB, at least 1758 MiB`. */
  readonly seen: readonly string[]
  /** The reason the operator gave, when the check is waived. */
  readonly waived?: string
}

/**
 * Runs every check on every host. Pure.
 * @param waived reasons by id of a check, see waivedOf
 * @returns the checks that did not pass on every host
 * @throws KitError exit 2 when WAIVED names an unknown check or one that cannot be waived
 */
export function judge(hosts: readonly HostFacts[], waived: ReadonlyMap<string, string>): Finding[] {
  for (const id of waived.keys()) {
    const check = hostChecks.find((one) => one.id === id)
    if (check?.waivable === true) continue
    throw new KitError(
      `WAIVED names ${id}, ${check === undefined ? 'which is no check' : 'which cannot be waived'}`,
      {
        exitCode: exitCodes.usage,
        hint: 'take it out of WAIVED; scripts/09_k3s/README.md lists the checks',
      },
    )
  }
  return hostChecks.flatMap((check) => {
    const { id, title, fix } = check
    const answers = hosts.map((host) => ({ host, ...answerOf(check, host) }))
    const wrong = answers.filter(({ result }) => result !== 'passed')
    if (wrong.length === 0) return []
    const result = wrong.some((one) => one.result === 'failed') ? 'failed' : 'warning'
    const reason = waived.get(id)
    const finding = { id, title, fix, result, seen: grouped(wrong) } as const
    return [reason === undefined ? finding : { ...finding, waived: reason }]
  })
}

function answerOf({ ask, onlyBare = false }: HostCheck, host: HostFacts): Answer {
  const answer = ask(host)
  return onlyBare && host.said.has('ours') && answer.result === 'failed' ? warning(answer.evidence) : answer
}

/** One line for all hosts with the same evidence. */
function grouped(wrong: readonly { host: HostFacts; evidence: string }[]): string[] {
  const evidences = [...new Set(wrong.map(({ evidence }) => evidence))]
  return evidences.map((evidence) => {
    const names = wrong.flatMap((one) => (one.evidence === evidence ? [one.host.name] : []))
    return `${names.join(', ')}: ${evidence}`
  })
}

/** Logs the warnings, and every check that is waived. */
export function tell(findings: readonly Finding[]): void {
  for (const { title, fix, seen, waived, result } of findings) {
    if (waived !== undefined) log.warn(`waived: ${title}: ${seen.join('; ')}   (${waived})`)
    else if (result === 'warning') log.warn(`${title}: ${seen.join('; ')}`, fix)
  }
}

/** `; what cannot matter here: --set WAIVED="host.memory: why"`; empty where nothing that failed can be waived. */
function waiverOf(failed: readonly Finding[]): string {
  const ids = failed.flatMap(({ id }) =>
    hostChecks.some((one) => one.id === id && one.waivable) ? [id] : [],
  )
  const words = ids.map((id) => `${id}: why`).join('; ')
  return ids.length === 0 ? '' : `; what cannot matter here: --set WAIVED="${words}"`
}

/**
 * Requires that no check failed, except those that are waived.
 * @param many how many hosts were checked
 * @throws KitError exit 3 with each check that failed, its evidence and its fix
 */
export function requireNone(findings: readonly Finding[], many: number): void {
  const failed = findings.filter(({ result, waived }) => result === 'failed' && waived === undefined)
  if (failed.length === 0) return
  throw new KitError(`${failed.length} of ${hostChecks.length} checks of ${many} hosts failed`, {
    exitCode: exitCodes.preflight,
    details: [
      ...failed.flatMap(({ id, title, fix, seen }) => [
        `✗ ${title} (${id})`,
        ...seen.map((line) => `    ${line}`),
        `    fix: ${fix}`,
      ]),
      written(),
    ],
    hint: `repair these, then run the same command again${waiverOf(failed)}`,
  })
}
