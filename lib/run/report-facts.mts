import type { Ground } from './opened-cluster.mts'
import type { Module } from './module.mts'
import type { Settings } from '../settings/settings.mts'
import type { ReportFacts } from '../checks/tests.mts'
import { describeImage, kitVersion, type Versions } from '../settings/versions.mts'

export interface Known {
  readonly module: Module
  readonly env: string
  readonly ground: Ground | undefined
  readonly images: Readonly<Record<string, string>>
  readonly versions: Versions
  readonly settings: Settings
  /** Warnings of the backends in this run. */
  readonly warnings: ReportFacts['warnings']
}

/** What a report says beside its checks. */
export function reportFacts({
  module,
  env,
  ground,
  images,
  versions,
  settings,
  warnings,
}: Known): ReportFacts {
  const current = ground?.revisions.current
  // On a cluster somebody else made, none of the module's images runs.
  const own = current?.state === 'adopted' ? [] : module.images
  return {
    env,
    cluster: ground?.cluster.name ?? '',
    revision: current?.number,
    kit: kitVersion(),
    warnings,
    images: own.map((name) => describeImage(name, images[name] ?? '', versions)),
    access: module.information?.(settings) ?? [],
    notProven: module.notProven?.(settings) ?? [],
    drilled: current?.drills ?? {},
  }
}
