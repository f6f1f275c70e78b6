import type { SettingsOf } from '../../lib/run/module.mts'
import { general } from '../../lib/settings/platform.mts'
import { registry } from '../../lib/settings/platform-backends.mts'
import type { Setting } from '../../lib/settings/settings.mts'

export const shared = [...general, ...registry] as const

export const own = [
  { key: 'SMALL_ROLE', title: 'With a ClusterRole', kind: 'flag', default: 'true' },
  { key: 'SMALL_DRAWN', title: 'With a value that is drawn at random', kind: 'flag', default: 'false' },
  { key: 'SMALL_GRACE', title: 'Seconds a pod has to end', kind: 'number', default: '1' },
] as const satisfies readonly Setting[]

export type SmallSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
