import { hasKubeconfig, connectCluster } from '../kube/cluster.mts'
import { clusterFaults } from '../kube/cluster-faults.mts'
import { isReady, lookAtCluster, type Look } from '../kube/cluster-view.mts'
import { healthOf } from '../kube/rollout/health.mts'
import { createKubeReader } from '../kube/reader.mts'
import { folderOf } from '../base/names.mts'
import { ownerOf } from '../kube/apply/ownership.mts'
import { newestOf, shortTime, type Revision } from '../state/revision.mts'
import { readRecords } from '../state/revision-store.mts'
import { readVersions } from '../settings/versions.mts'

/** The state of a module, for the table of all modules. */
export interface ModuleState {
  readonly number: number
  readonly title: string
  readonly inFullRun: 'required' | 'recommended' | 'optional'
  readonly revision: Revision | undefined
  /** The installed version, where it is not the tag of the first image. */
  readonly version?: string
  /** Its health in a few words; empty when it is not installed. */
  readonly now: string
}

export interface Overview {
  /** The cluster's name, or undefined while the environment has none. */
  readonly cluster: string | undefined
  readonly modules: readonly ModuleState[]
}

type Row = Omit<ModuleState, 'revision' | 'now' | 'version'> & {
  readonly slug: string
  readonly state?: 'nodes'
}

/**
 * Reads the state of every module of an environment from the cluster, without contacting a backend.
 * @param rows of the table of modules
 * @throws KitError exit 2 for versions.json or a damaged kubeconfig, exit 3 without a supported kubectl, exit 3 or 5 to
 *   9 when the cluster does not answer or refuses, exit 130 or 143 on a signal
 */
export async function lookAtModules(env: string, rows: readonly Row[]): Promise<Overview> {
  if (!hasKubeconfig(env)) {
    return { cluster: undefined, modules: rows.map((row) => ({ ...row, revision: undefined, now: '' })) }
  }
  const { kubectl, name } = await connectCluster(env, readVersions(env).versions)
  const [look, { revisions, objects }] = await Promise.all([lookAtCluster(kubectl), readRecords(kubectl)])
  const ofNodes = { now: clusterNow(look), version: look.kubernetes.join(' and ') }
  const [fatal] = clusterFaults(look).fatal
  const ofEnvironment = objects.filter((live) => ownerOf(live).env === env)
  const modules: ModuleState[] = []
  for (const row of rows) {
    const revision = newestOf(revisions, folderOf(row), env)
    const isInstalled = revision !== undefined && revision.state !== 'uninstalled'
    if (row.state === 'nodes') {
      modules.push({ ...row, revision, ...(isInstalled ? ofNodes : { now: '' }) })
      continue
    }
    const own = ofEnvironment.filter((live) => ownerOf(live).module === folderOf(row))
    const { state, problems } = await healthOf(createKubeReader(kubectl), own)
    const isThere = state !== 'not installed' || problems.length > 0 || isInstalled
    modules.push({ ...row, revision, now: isThere ? (problems[0] ?? fatal?.text ?? state) : '' })
  }
  return { cluster: name, modules }
}

/** `3 of 3 nodes ready`, and the first thing that is wrong with the cluster. */
export function clusterNow(look: Look): string {
  const { fatal, partial } = clusterFaults(look)
  const ready = `${look.nodes.filter(isReady).length} of ${look.nodes.length} nodes ready`
  return [ready, ...[...fatal, ...partial].map(({ text }) => text).slice(0, 1)].join(', ')
}

/** A heading and one line per module: installed revision, last verification, health. */
export function overviewLines({ modules }: Overview): string[] {
  const cells = modules.map(({ number, title, inFullRun, revision, version, now }) => [
    `${String(number).padStart(2)} ${title}${inFullRun === 'required' ? '' : ` (${inFullRun})`}`,
    installedText(revision, version),
    testedText(revision),
    now,
  ])
  const heading = ['   module', 'installed', 'checks', 'now']
  const widths = heading.map((_, at) => Math.max(...[heading, ...cells].map((row) => (row[at] ?? '').length)))
  return [heading, ...cells].map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function installedText(revision: Revision | undefined, ofNodes: string | undefined): string {
  if (revision === undefined || revision.state === 'uninstalled') return '-'
  const of = revision.rollbackOf === undefined ? '' : ` = rev ${revision.rollbackOf}`
  const [image = ''] = Object.values(revision.images)
  const version = ofNodes ?? /:([^:/@]+)(@|$)/.exec(image)?.[1]
  const parts = [`rev ${revision.number}${of}`, ...(version === undefined ? [] : [version])]
  return `${parts.join('  ')}${revision.state === 'pending' ? ', not finished' : ''}`
}

function testedText(revision: Revision | undefined): string {
  const tested = revision?.state === 'uninstalled' ? undefined : revision?.tested
  if (tested === undefined) return ''
  const { when, checks, failed } = tested
  return failed === 0 ? `✓ ${shortTime(when)}  ${checks}` : `✗ ${shortTime(when)}  ${failed}/${checks} failed`
}
