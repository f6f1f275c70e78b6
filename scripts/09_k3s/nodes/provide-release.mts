import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shownPath } from '../../../lib/base/files.mts'
import type { Writes } from '../../../lib/base/writes.mts'
import { fetchRelease } from '../../../lib/settings/fetch-release.mts'
import { recordTrusted, wasTrusted } from '../../../lib/settings/trusted-files.mts'
import type { Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'
import { artifactsOf, proveAll } from './install.mts'
import { findMissing } from './release-source.mts'
import { requireRelease, requireSameVersion } from './release.mts'

/** What a run has of the release of K3s. */
export interface ReleaseOfRun {
  readonly versions: Versions
  readonly settings: K3sSettings
  readonly writes: Pick<Writes, 'planning' | 'note'>
  /** No cluster was installed for this environment before, see requireRelease. */
  readonly isNew: boolean
}

/**
 * Fetches what of K3s' release does not lie on this machine, requires that all of it is right, and records which
 * checksums were trusted. Under --plan it only says what would be fetched.
 * @returns the processor the program is made for, as `uname -m` names it
 * @throws KitError exit 7 under STRICT_VERSIONS for a file without a sha256 in versions.json; else as fetchRelease,
 *   requireRelease and recordTrusted
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
  if (!writes.planning) await record({ versions, env: settings.ENV, list, compared })
  return processor
}

/** @throws KitError exit 7 under STRICT_VERSIONS for an entry that has or gets a file, and no sha256 */
function requirePinned(versions: Versions, { STRICT_VERSIONS }: K3sSettings): void {
  const open = Object.entries(versions).filter(
    ([, { file, places, sha256 }]) => (file ?? places) !== undefined && sha256 === undefined,
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
  readonly env: string
  /** How the list was known, when this run fetched it. */
  readonly list: string | undefined
  /** Every file was compared with its checksum in this run. */
  readonly compared: boolean
}

/** Records what was trusted. A checksum that never was is compared first: a run of every day does not. */
async function record({ versions, env, list, compared }: Recorded): Promise<void> {
  const pinned = new Set(Object.values(versions).map(({ sha256 }) => sha256))
  const artifacts = artifactsOf(versions)
  const files = artifacts.map(({ file, sha256 }) => ({
    file: shownPath(file),
    sha256,
    known: pinned.has(sha256) ? 'pinned in versions.json' : list,
  }))
  if (!compared && !files.every((file) => wasTrusted(env, file))) await proveAll(artifacts)
  recordTrusted(env, files)
}
