import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shownPath } from '../../../lib/base/files.mts'
import { existsSync } from 'node:fs'
import { fromRoot } from '../../../lib/base/home.mts'
import { written } from '../../../lib/base/written.mts'
import { definitionsIn, type Definition } from '../../../lib/kube/apply/definitions.mts'
import { findHelm, type Helm } from '../../../lib/kube/helm.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import { pinnedFile } from '../../../lib/settings/pinned-file.mts'
import { listedSum } from '../../../lib/settings/release-files.mts'
import { requireVersion, type Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'
import { requireSound } from './judge.mts'
import { monitoringNamespace, type MonitoringImages } from './names.mts'
import { monitoringObjects } from './objects.mts'
import { chartValues } from './values.mts'

// The chart on this machine, and what it renders.

/** The chart of a run. */
export interface ReadyChart {
  /** Absolute path of its archive, which is the one of its checksum. */
  readonly file: string
  readonly sha256: string
  readonly helm: Helm
}

/**
 * Requires the chart of versions.json on this machine, with the right checksum, and a helm to render it.
 * @throws KitError exit 3 when the archive or helm is missing, or cannot be read; exit 7 when its checksum differs or is
 *   not known; exit 2 when versions.json does not have it, or the list of checksums beside the chart cannot be read
 */
export async function requireChart(versions: Versions): Promise<ReadyChart> {
  const { chart, ...entry } = requireVersion(versions, 'kube-prometheus-stack')
  const file = fromRoot(chart ?? `artifacts/kube-prometheus-stack-${entry.version}.tgz`)
  if (!existsSync(file)) throw missing(file, entry.version)
  const sha256 = entry.sha256 ?? listedSum(file)
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) throw unproven(file)
  const pinned = pinnedFile('kube-prometheus-stack', { ...entry, file, sha256 })
  const [helm] = await Promise.all([findHelm(), pinned?.prove()])
  return { file, sha256, helm }
}

/**
 * Requires that the chart of versions.json is the one to install: an install keeps the installed version.
 * @param installed its name in its publisher's registry: that of the installed one, with --upgrade of the newer one
 * @param env the environment, for the message
 * @throws KitError exit 5 when it is another one
 */
export function requireSameChart(versions: Versions, installed: string, env: string): void {
  const { image } = requireVersion(versions, 'kube-prometheus-stack')
  if (image !== undefined && image !== installed) throw another(installed, image, env)
}

const missing = (file: string, version: string): KitError =>
  new KitError(`the chart of the monitoring is not on this machine: ${shownPath(file)}`, {
    exitCode: exitCodes.preflight,
    details: [written()],
    hint: `leave the monitoring out (--set MONITORING=false), or download it and write its sha256 into kube-prometheus-stack of versions.json: curl --create-dirs -fLo ${shownPath(file)} https://github.com/prometheus-community/helm-charts/releases/download/kube-prometheus-stack-${version}/kube-prometheus-stack-${version}.tgz`,
  })

const unproven = (file: string): KitError =>
  new KitError(`versions.json: kube-prometheus-stack has a chart and no checksum`, {
    exitCode: exitCodes.trust,
    details: [written()],
    hint: `compare this with what its publisher says, then write it as "sha256" into kube-prometheus-stack of versions.json, or into a SHA256SUMS beside the chart: sha256sum ${shownPath(file)}`,
  })

const another = (installed: string, wanted: string, env: string): KitError =>
  new KitError(`${installed} is installed, versions.json names ${wanted}`, {
    exitCode: exitCodes.conflict,
    details: [
      'An install keeps what is installed, and a chart fits the images of its own release.',
      written(),
    ],
    hint: `run the same command with --upgrade; or name the installed version and its archive in credentials/${env}/versions.json`,
  })

/** What a render is made of. */
export interface RenderOptions {
  readonly settings: K3sSettings
  readonly images: MonitoringImages
  /** The version of the API server: `v1.36.3`. */
  readonly kubernetes: string
}

/** What the chart brings. */
export interface Rendered {
  readonly definitions: readonly Definition[]
  readonly objects: readonly Manifest[]
}

/**
 * Renders the chart, and requires that what it renders can be applied.
 * @throws KitError exit 3, see Helm, definitionsIn and requireSound; exit 2 for RECEIVERS_YML; exit 6, 9, 130 or 143 as
 *   Helm
 */
export async function renderMonitoring(
  { helm, ...archive }: ReadyChart,
  { settings, images, kubernetes }: RenderOptions,
): Promise<Rendered> {
  const chart = { ...archive, release: monitoringNamespace, namespace: monitoringNamespace, kubernetes }
  const [definitions, objects] = await Promise.all([
    helm.definitions(chart),
    helm.render(chart, chartValues({ settings, images })),
  ])
  requireSound(objects, monitoringObjects(settings))
  return { definitions: definitionsIn(definitions), objects }
}
