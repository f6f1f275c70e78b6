import { join } from 'node:path'
import type { Outcome } from './checks.mts'
import { validationFolder, writePrivate } from '../base/files.mts'
import { shortTime } from '../state/revision.mts'
import type { KubernetesBuild } from '../kube/kubernetes-build.mts'
import { masterCommand } from '../base/names.mts'
import { redact } from '../base/sensitive.mts'
import { foreignInMarkdown, inMarkdown } from '../base/visible.mts'

/** The content of a report. Only observed facts, never a placeholder (legacy.md 8.3). */
export interface Report {
  readonly number: number
  readonly slug: string
  readonly title: string
  readonly env: string
  readonly cluster: string
  readonly revision: number | undefined
  readonly kit: string
  /** ISO 8601, UTC. */
  readonly when: string
  readonly outcomes: readonly Outcome[]
  /** Warnings of the run outside its checks: eviction policy, unsupported server. */
  readonly warnings: readonly { readonly text: string; readonly fix?: string }[]
  /** The Kubernetes builds of the nodes; empty without a node. */
  readonly kubernetes: readonly KubernetesBuild[]
  /** True for the module that installs Kubernetes itself. */
  readonly makesCluster: boolean
  /** Entries of versions.json that are this environment's own. */
  readonly ownVersions: readonly string[]
  /** Files that are copied to hosts: the trusted checksum, and where it came from. */
  readonly files: readonly { readonly file: string; readonly sha256: string; readonly known: string }[]
  readonly images: readonly {
    readonly name: string
    readonly image: string
    readonly standIn?: string
    /** How it was made where it is not its publisher's release. */
    readonly made?: string
    /** How its publisher signs it. The kit does not verify that. */
    readonly signature?: string
  }[]
  readonly access: readonly (readonly [label: string, text: string])[]
  readonly notProven: readonly string[]
  /** Drills that this run did not run, and when each passed last (ISO 8601, UTC). */
  readonly drillsLeft: readonly { readonly title: string; readonly proven: string | undefined }[]
}

export type Verdict = 'passed' | 'passed with warnings' | 'failed'

/** The verdict of a report: the worst of its outcomes and warnings. */
export function verdictOf({ outcomes, warnings }: Pick<Report, 'outcomes' | 'warnings'>): Verdict {
  if (outcomes.some(({ result }) => result === 'failed')) return 'failed'
  return warnings.length > 0 || outcomes.some(({ result }) => result === 'warning')
    ? 'passed with warnings'
    : 'passed'
}

/**
 * Writes MODULENN_VALIDATION.md and .json of an environment, redacted, mode 0600.
 * @returns the path of the .md
 * @throws KitError exit 12 when one cannot be written
 */
export function writeReport(report: Report): string {
  const path = join(
    validationFolder(report.env),
    `MODULE${String(report.number).padStart(2, '0')}_VALIDATION`,
  )
  writePrivate(
    `${path}.json`,
    redact(`${JSON.stringify({ verdict: verdictOf(report), ...report }, null, 2)}\n`),
  )
  writePrivate(`${path}.md`, redact(reportText(report)))
  return `${path}.md`
}

const order = ['failed', 'warning', 'passed'] as const
const mark = { failed: '✗', warning: '!', passed: '✓' } as const

/** The report as Markdown: verdict first, failed checks first. */
export function reportText(report: Report): string {
  const heading = `${report.number} ${report.title}`
  return [
    `# ${heading}: ${verdictOf(report)}`,
    '',
    ...summary(report),
    '',
    '## Checks',
    '',
    '| | check | what was seen | time |',
    '|---|---|---|---|',
    ...order
      .flatMap((result) => report.outcomes.filter((one) => one.result === result && !isHidden(one)))
      .map(row),
    ...report.outcomes.filter(isHidden).map(row),
    ...section(
      'Warnings',
      report.warnings.map(
        ({ text, fix }) =>
          `- ${foreignInMarkdown(text)}${fix === undefined ? '' : `. Fix: ${inMarkdown(fix)}`}`,
      ),
    ),
    ...section(
      'Access',
      report.access.map(([label, text]) => `- ${label}: ${inMarkdown(text)}`),
    ),
    ...section('Credentials', [
      `- credentials/${report.env}/ on the admin host: platform.env and ${folder(report)}.env. Values are never in a report.`,
    ]),
    ...section(
      'Not proven',
      [
        ...report.drillsLeft.map(
          ({ title, proven }) =>
            `${title}: drill not run, ${proven === undefined ? 'never proven here' : `not proven since ${shortTime(proven)}`}`,
        ),
        ...report.notProven,
      ].map((line) => `- ${inMarkdown(line)}`),
    ),
    ...section('Run it again', [`    ${masterCommand(report.number, report.env, '--verify')}`]),
    '',
  ].join('\n')
}

const folder = ({ number, slug }: Report): string => `${String(number).padStart(2, '0')}_${slug}`

function summary(report: Report): string[] {
  const { when, env, cluster, revision, kit, images, files, kubernetes, ownVersions } = report
  const revisionText = revision === undefined ? 'none' : String(revision)
  return [
    `- When: ${when}`,
    `- Environment: ${env}, cluster ${cluster}, revision ${revisionText}, kit ${kit}`,
    ...kubernetes.map(({ text }) => `- Kubernetes: ${foreignInMarkdown(text)}`),
    ...(ownVersions.length === 0
      ? []
      : [
          `- Versions of this environment alone (credentials/${env}/versions.json): ${ownVersions.join(', ')}`,
        ]),
    ...files.map(({ file, sha256, known }) => `- File: ${file}, sha256 ${sha256} (${inMarkdown(known)})`),
    ...images.map(
      ({ name, image }) =>
        `- Version: ${name} \`${image}\`${image.includes('@sha256:') ? '' : ' (tag, no digest)'}`,
    ),
    ...images.flatMap(({ name, signature }) =>
      signature === undefined ? [] : [`- Signature: ${name}, ${signature}, not verified by this kit`],
    ),
    ...images
      .filter(({ standIn }) => standIn !== undefined)
      .map(({ name, standIn }) => `- **Met: a stand-in, not the real program** (${name}): ${standIn}`),
    ...images.flatMap(({ name, made }) =>
      made === undefined ? [] : [`- Met: ${name}, ${inMarkdown(made)}`],
    ),
    ...metAsCluster(report),
    ...(isReal(report) ? ['- Met: the real program'] : []),
  ]
}

/** For the module that installs Kubernetes: whether the nodes run a release build, or another one. */
const metAsCluster = ({ kubernetes, makesCluster }: Report): string[] =>
  kubernetes.flatMap(({ kind, text }) => {
    if (!makesCluster || kind === 'release') return []
    const build = foreignInMarkdown(text)
    return kind === 'source'
      ? [`- Met: ${build}`]
      : [`- **Met: a stand-in, not the real program** (Kubernetes): ${build}`]
  })

const isReal = ({ images, kubernetes, makesCluster }: Report): boolean =>
  images.length > 0 &&
  images.every(({ standIn, made }) => standIn === undefined && made === undefined) &&
  // Without any node there is no proof either.
  (!makesCluster || (kubernetes.length > 0 && kubernetes.every(({ kind }) => kind === 'release')))

const isHidden = ({ hiddenBy }: Outcome): boolean => hiddenBy !== undefined

function row(outcome: Outcome): string {
  const { result, id, title, evidence, fix, milliseconds } = outcome
  const words = foreignInMarkdown(evidence)
  const seen = result === 'passed' || isHidden(outcome) ? words : `${words}<br>fix: ${inMarkdown(fix)}`
  return `| ${isHidden(outcome) ? '-' : mark[result]} | ${title} (${id}) | ${seen} | ${(milliseconds / 1000).toFixed(1)} s |`
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines]
