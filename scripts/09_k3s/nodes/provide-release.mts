import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shownPath } from '../../../lib/base/files.mts'
import type { Writes } from '../../../lib/base/writes.mts'
import { fetchRelease } from '../../../lib/settings/fetch-release.mts'
import { pinnedFile, type PinnedFile } from '../../../lib/settings/pinned-file.mts'
import { recordTrusted, wasTrusted } from '../../../lib/settings/trusted-files.mts'
import type { Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'
import { artifactsOf, proveAll } from './install.mts'
import { findMissing } from './release-source.mts'
import { requireRelease, requireSameVersion } from './release.mts'

/** What a run needs to provide the release of K3s. */
export interface ReleaseOfRun {
  readonly versions: Versions
  readonly settings: K3sSettings
  readonly writes: Pick<Writes, 'planning' | 'note'>
  /** True when no cluster was installed for this environment before, see requireRelease. */
  readonly isNew: boolean
}

/**
 * Downloads the files of K3s' release that are missing on this machine, requires that all are right, and records which
 * checksums were trusted. Under --plan it only records what would be downloaded.
 * @returns the processor the binary is built for, as `uname -m` prints it
 * @throws KitError exit 7 under STRICT_VERSIONS for a file without a sha256 in versions.json; exit 3 when a file here
 *   is for another processor than HOSTS_ARCH; exit 12 when the record cannot be written; exit 2, 3, 6, 7, 8, 12, 130 or
 *   143, see fetchRelease; exit 2, 3, 6, 7, 9, 130 or 143 or NotYet, see requireRelease
 */
export async function provideRelease({ versions, settings, writes, isNew }: ReleaseOfRun): Promise<string> {
  requireSameVersion(versions, settings.ENV)
  requirePinned(versions, settings)
  const missing = await findMissing(versions, settings, isNew)
  if (missing !== undefined && writes.planning) {
    for (const { path } of missing.files)
      writes.note({
        sign: '+',
        what: `${shownPath(path)} of this machine, fetched from ${missing.base.href}`,
      })
    return missing.processor
  }
  const fetched = missing !== undefined && (await fetchRelease(missing))
  const compared = isNew || missing !== undefined
  const processor = await requireRelease(versions, settings.ENV, compared)
  const list = fetched ? `release checksum file fetched from ${missing.base.host}` : undefined
  if (!writes.planning) await record({ versions, settings, list, compared })
  return processor
}

/** @throws KitError exit 7 under STRICT_VERSIONS for an entry that has or gets a file, and no sha256 */
function requirePinned(versions: Versions, { STRICT_VERSIONS, MONITORING }: K3sSettings): void {
  const open = Object.entries(versions).filter(
    ([, { file, places, chart, sha256 }]) =>
      (file ?? places ?? (MONITORING ? chart : undefined)) !== undefined && sha256 === undefined,
  )
  if (!STRICT_VERSIONS || open.length === 0) return
  const names = open.map(([name]) => name).join(', ')
  throw new KitError(`STRICT_VERSIONS: versions.json has no sha256 of ${names}`, {
    exitCode: exitCodes.trust,
    details: ['No file was fetched, no host was asked.'],
    hint: 'add "sha256" to each, from the page of the release; or --set STRICT_VERSIONS=false',
  })
}

interface Recorded {
  readonly versions: Versions
  readonly settings: K3sSettings
  /** The source of the list of checksums, when this run downloaded it; else undefined. */
  readonly list: string | undefined
  /** True when every file was compared with its checksum in this run. */
  readonly compared: boolean
}

/**
 * Records which checksums were trusted. Compares the files first when one is not recorded yet, so that an ordinary
 * later run need not do that.
 * @throws KitError exit 3 or 7, see PinnedFile.prove; exit 12 when the record cannot be written
 */
async function record({ versions, settings, list, compared }: Recorded): Promise<void> {
  const { ENV: env, MONITORING } = settings
  const pinned = new Set(Object.values(versions).map(({ sha256 }) => sha256))
  const artifacts = [...artifactsOf(versions), ...(MONITORING ? chartsOf(versions) : [])]
  const files = artifacts.map(({ file, sha256 }) => ({
    file: shownPath(file),
    sha256,
    known: pinned.has(sha256) ? 'pinned in versions.json' : list,
  }))
  if (!compared && !files.every((file) => wasTrusted(env, file))) await proveAll(artifacts)
  recordTrusted(env, files)
}

/** The charts that versions.json names: nothing of them is copied to a host. */
const chartsOf = (versions: Versions): PinnedFile[] =>
  Object.entries(versions).flatMap(([name, { chart, ...entry }]) =>
    chart === undefined ? [] : (pinnedFile(name, { ...entry, file: chart }) ?? []),
  )
