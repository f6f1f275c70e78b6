import { authorityProblem } from '../../lib/base/certificate.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'
import type { Setting, SettingsView } from '../../lib/settings/settings.mts'
import { isRegistry, isUrl, itemsOf, listOf } from '../../lib/settings/validators.mts'

// The mirror by which nodes pull the images of other registries, for every pod alike. The account of one private
// registry is no part of it: that is REGISTRY_SERVER, which pods bring themselves.

const withMirror = (view: SettingsView): boolean => Boolean(view.text('HOSTS_MIRROR'))

export const mirror = [
  {
    key: 'HOSTS_MIRROR',
    title: 'Mirror of image registries',
    help: 'https://mirror.example.com:5000, with a path below /v2 where it keeps a registry there. What it has not is asked of the registry itself',
    kind: 'text',
    optional: true,
    validate: (value) => isUrl(value) ?? mirrorProblem(new URL(value)),
  },
  {
    key: 'HOSTS_MIRROR_FOR',
    title: 'Registries it has images of',
    help: 'docker.io, ghcr.io, as image names begin with them, comma-separated; * for all, only where it tells them apart: else it gives the image of one registry for the same name of another',
    kind: 'text',
    when: withMirror,
    validate: mirroredProblem,
  },
  {
    key: 'HOSTS_MIRROR_CA',
    title: 'CA of the mirror',
    help: 'A PEM file with the certificates that sign its own. Empty: those the hosts trust',
    kind: 'file',
    optional: true,
    when: withMirror,
    validate: (text) => authorityProblem(text),
  },
  {
    key: 'HOSTS_MIRROR_USER',
    title: 'Account at the mirror',
    kind: 'text',
    optional: true,
    when: withMirror,
  },
  {
    key: 'HOSTS_MIRROR_PASSWORD',
    title: 'Password or token at the mirror',
    help: 'One that may only read: it is in a file of every host, for root alone',
    kind: 'sensitive',
    when: (view) => withMirror(view) && Boolean(view.text('HOSTS_MIRROR_USER')),
  },
] as const satisfies readonly Setting[]

/** The settings that concern the mirror. */
export interface MirrorSettings {
  readonly HOSTS_MIRROR?: string | undefined
  readonly HOSTS_MIRROR_FOR?: string | undefined
  readonly HOSTS_MIRROR_CA?: Sensitive | undefined
  readonly HOSTS_MIRROR_USER?: string | undefined
  readonly HOSTS_MIRROR_PASSWORD?: Sensitive | undefined
  readonly REGISTRY_SERVER?: string | undefined
}

function mirrorProblem({ username, password, pathname }: URL): string | undefined {
  if (username !== '' || password !== '') return 'must not hold an account: that is HOSTS_MIRROR_USER'
  // K3s would put any other path in the place of /v2, and the mirror answers below /v2 alone.
  return pathname === '/' || /^\/v2(\/[\w.-]+)*\/?$/.test(pathname)
    ? undefined
    : 'must have no path, or one that begins with /v2/'
}

function mirroredProblem(value: string): string | undefined {
  if (value === '*') return undefined
  return itemsOf(value).length === 0 ? 'must name at least one registry, or *' : listOf(isRegistry)(value)
}

/** One sentence for each of these settings that does not fit the others. Pure. */
export function mirrorProblems({
  HOSTS_MIRROR,
  HOSTS_MIRROR_FOR,
  HOSTS_MIRROR_CA,
  HOSTS_MIRROR_USER,
  REGISTRY_SERVER,
}: MirrorSettings): string[] {
  if (HOSTS_MIRROR === undefined || !URL.canParse(HOSTS_MIRROR)) return []
  const { protocol, host } = new URL(HOSTS_MIRROR)
  const problems: string[] = []
  if (protocol === 'http:' && HOSTS_MIRROR_USER !== undefined)
    problems.push('HOSTS_MIRROR is http://: the password of HOSTS_MIRROR_USER would pass in clear')
  if (protocol === 'http:' && HOSTS_MIRROR_CA !== undefined)
    problems.push('HOSTS_MIRROR is http://, and HOSTS_MIRROR_CA is for https://')
  const mirrored = itemsOf(HOSTS_MIRROR_FOR)
  // The account in a pod's pull Secret is what containerd then logs in with everywhere, also at the mirror.
  if (
    REGISTRY_SERVER !== undefined &&
    REGISTRY_SERVER !== host &&
    (mirrored.includes('*') || mirrored.includes(REGISTRY_SERVER))
  )
    problems.push(
      `HOSTS_MIRROR_FOR covers REGISTRY_SERVER (${REGISTRY_SERVER}): the mirror would be sent its account, and not that of HOSTS_MIRROR_USER. Name the other registries`,
    )
  return problems
}
