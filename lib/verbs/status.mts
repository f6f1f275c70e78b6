import { isInterruption, messageOf } from '../base/errors.mts'
import { informationLines } from './summary.mts'
import { healthOf, healthOfCluster, healthOnCluster, type Health } from '../kube/rollout/health.mts'
import { findRivals } from '../checks/rivals.mts'
import { rivalText } from '../kube/ingress-rivals.mts'
import type { KubeSession } from '../kube/apply/kube.mts'
import { print, say } from '../base/log.mts'
import { folderOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import { createContext } from '../run/create-context.mts'
import { isKnownByNodes } from '../run/modules.mts'
import { shortTime, type Revision } from '../state/revision.mts'
import { redact } from '../base/sensitive.mts'
import type { Session } from '../run/session.mts'
import type { Step } from '../run/step.mts'

/** A module's state as data, one line of JSON (README, "Data for programs"). */
export interface StatusDocument {
  readonly kind: 'status'
  readonly module: string
  readonly env: string
  readonly cluster: string
  readonly revision: Pick<Revision, 'number' | 'state' | 'when' | 'who' | 'kit' | 'rollbackOf'> | null
  readonly images: Readonly<Record<string, string>>
  readonly health: Health
  /** A drill under way on the cluster, of any module, with its run. */
  readonly drill: string | null
  readonly tested: NonNullable<Revision['tested']> | null
  readonly pending: readonly string[]
}

/**
 * Shows what is installed, its health, and what a run would change. Changes nothing.
 * @throws KitError exit 3 or 5 to 9 when its health cannot be read from the API server; exit 2 when versions.json lacks
 *   an image; exit 130 or 143 on a signal
 */
export async function showStatus<M extends Module>(
  session: Session<M>,
  steps: readonly Step<M>[],
): Promise<void> {
  const { module, env, options } = session
  const { revisions, kube, cluster, look, drill = null } = session.requireOpened()
  const { current } = revisions
  const byNodes = isKnownByNodes(module.number)
  const document: StatusDocument = {
    kind: 'status',
    module: folderOf(module),
    env,
    cluster: cluster.name,
    revision: current === undefined ? null : shortened(current),
    images: byNodes ? { kubernetes: look.kubernetes.join(' and '), ...revisions.images } : revisions.images,
    health: (byNodes ? healthOfCluster : healthOnCluster)(look, await healthOfModule(kube)),
    drill,
    tested: current?.tested ?? null,
    pending: await pendingOf(session, steps),
  }
  if (options.json) return print(redact(JSON.stringify(document)))
  for (const [label, text] of linesOf(document)) say(`  ${label.padEnd(9)} ${text}`)
  if (document.health.state === 'not installed') return
  for (const [label, text] of readableInformation(session)) say(`  ${label.padEnd(9)} ${text}`)
}

/** The health of a module's Deployments; degraded also when another Ingress has one of their public names. */
async function healthOfModule(kube: KubeSession): Promise<Health> {
  const own = await kube.recorded()
  const [{ state, problems, warnings }, rivals] = await Promise.all([
    healthOf(kube.reader, own),
    findRivals(kube.reader, own),
  ])
  const found = rivals.map(rivalText)
  return {
    state: state === 'healthy' && found.length > 0 ? 'degraded' : state,
    problems: [...problems, ...found],
    warnings,
  }
}

const shortened = ({ number, state, when, who, kit, rollbackOf }: Revision): StatusDocument['revision'] => ({
  number,
  state,
  when,
  who,
  kit,
  ...(rollbackOf === undefined ? {} : { rollbackOf }),
})

function linesOf({ revision, images, health, drill, tested, pending }: StatusDocument): [string, string][] {
  const of = revision?.rollbackOf === undefined ? '' : `, a rollback to revision ${revision.rollbackOf}`
  return [
    [
      'Revision',
      revision === null
        ? 'none'
        : `${revision.number} ${revision.state}${of}   ${shortTime(revision.when)}, ${revision.who}, kit ${revision.kit}`,
    ],
    ...Object.entries(images).map(([name, image]): [string, string] => ['Version', `${name} ${image}`]),
    ['Now', health.state],
    ...health.problems.map((problem): [string, string] => ['', problem]),
    ...health.warnings.map((warning): [string, string] => ['', `! ${warning}`]),
    ...drillLines(drill),
    [
      'Checks',
      tested === null
        ? 'never run'
        : `${tested.checks - tested.failed} of ${tested.checks} passed   ${shortTime(tested.when)}`,
    ],
    ...pending.map((line): [string, string] => ['Pending', line]),
  ]
}

const drillLines = (drill: string | null): [string, string][] =>
  drill === null
    ? []
    : [
        ['Drill', `${drill}, breaks things on purpose and repairs them`],
        ['', 'when that run was killed, the host, or the next run of its module, repairs what it broke'],
      ]

/** What a run would change or continue. When that cannot be determined now, the reason is one of the lines. */
async function pendingOf<M extends Module>(
  session: Session<M>,
  steps: readonly Step<M>[],
): Promise<string[]> {
  const { requireOpened, writes, chosen } = session
  const { revisions, kube } = requireOpened()
  const { current } = revisions
  const lines = current?.state === 'pending' ? [`revision ${current.number} was begun and not finished`] : []
  if (current === undefined || ['adopted', 'uninstalled'].includes(current.state)) return lines
  try {
    for (const step of steps) {
      await step.run(createContext(session, step))
      if (step.kind !== 'credentials') await kube.prune(step.id)
    }
    if (writes.changes.length > 0) lines.push(`${writes.changes.length} changes: --plan shows them`)
  } catch (thrown) {
    if (isInterruption(thrown)) throw thrown
    lines.push(`not known: ${messageOf(thrown)}`)
  }
  return [
    ...lines,
    ...chosen().newer.map(({ name, from, to }) => `newer ${name} ${from} -> ${to}: --upgrade`),
  ]
}

/** The information lines; none with incomplete settings, which `pendingOf` has reported. */
function readableInformation<M extends Module>(session: Session<M>): (readonly [string, string])[] {
  try {
    return informationLines(session).filter(([label]) => label !== 'Newer')
  } catch {
    return []
  }
}
