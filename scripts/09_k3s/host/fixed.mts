import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { visible } from '../../../lib/base/visible.mts'
import { written } from '../../../lib/base/written.mts'
import type { K3sSettings } from '../settings.mts'
import { paths } from './paths.mts'

// Values that cannot be changed once a cluster was created. K3s compares them only while a server joins. A member that
// is started with other values reports success; then name resolution of pods fails at once, connections between pods
// after the next reboot, or the API server can no longer read Secrets.

/** The keys of config.yaml that cannot be changed once the cluster was created, with the values the kit gives them. */
export const fixedValues = (settings: K3sSettings) => ({
  'cluster-cidr': settings.CLUSTER_CIDR,
  'service-cidr': settings.SERVICE_CIDR,
  'cluster-dns': settings.CLUSTER_DNS,
  'flannel-backend': settings.FLANNEL_BACKEND,
  'secrets-encryption': true,
})

type Key = keyof ReturnType<typeof fixedValues>

/** The setting each key is taken from; undefined where the kit has a fixed value. */
const settingOf: Readonly<Record<Key, keyof K3sSettings | undefined>> = {
  'cluster-cidr': 'CLUSTER_CIDR',
  'service-cidr': 'SERVICE_CIDR',
  'cluster-dns': 'CLUSTER_DNS',
  'flannel-backend': 'FLANNEL_BACKEND',
  'secrets-encryption': undefined,
}

/** The keys of fixedValues, as a regular expression for sed and for JavaScript. */
export const fixedKeys = '[a-z]+-(cidr|dns|backend|encryption)'

/** POSIX shell: a line `node KEY: VALUE` for each of these keys in config.yaml; nothing on a host without etcd data. */
export const fixedScript = `[ -e ${paths.etcd}/member/wal ] && sed -nE 's/^${fixedKeys}/node &/p' ${paths.config} 2>/dev/null`

/** The values in a host's config.yaml, by key; empty when the host is not a member of etcd. */
export type Fixed = ReadonlyMap<string, string>

/** The values in the output of fixedScript, without the quotes that a manual edit may have added. Pure. */
export const fixedIn = (text: string): Fixed =>
  new Map(
    [...text.matchAll(new RegExp(`^node (${fixedKeys}): +(.*?)(?: +#.*)?$`, 'gm'))].map(
      ([, key = '', , value = '']) => [key, value.replace(/^(["'])(.*)\1$/, '$2')],
    ),
  )

/** A server, and the values in its config.yaml. */
export interface FixedOf {
  readonly name: string
  readonly fixed: Fixed
}

/**
 * Requires that the settings have the values the members of the cluster have. Called before a host is changed.
 * @param servers all of them: those without etcd data are ignored
 * @throws KitError exit 5 naming every value that differs, on the host and in the settings
 */
export function requireSameFixed(servers: readonly FixedOf[], settings: K3sSettings): void {
  const told = servers.filter(({ fixed }) => fixed.size > 0)
  const differing = Object.entries(fixedValues(settings)).flatMap(([key, value]) => {
    const others = told.filter(({ fixed }) => fixed.get(key) !== String(value))
    return others.length === 0 ? [] : [{ key: key as Key, value: String(value), others }]
  })
  if (differing.length === 0) return
  const names = differing.map(({ key }) => settingOf[key] ?? key)
  throw new KitError(`${names.join(', ')}: not what the cluster was made with`, {
    exitCode: exitCodes.conflict,
    details: [
      ...differing.flatMap(({ key, value, others }) =>
        others.map(
          ({ name, fixed }) =>
            `${settingOf[key] ?? key}: ${shown(fixed.get(key))} in ${paths.config} of ${name}, ${value} ${settingOf[key] === undefined ? 'in every cluster of the kit' : 'in the settings'}`,
        ),
      ),
      `K3s cannot change these in a cluster that is there. ${written()}`,
    ],
    hint: hintFor(differing, told.length),
  })
}

const shown = (value = 'nothing'): string => visible(shortened(value, 60))

interface Differing {
  readonly key: Key
  readonly value: string
  readonly others: readonly FixedOf[]
}

/** When all members have the same value the settings are wrong; when only some differ, these were changed by hand. */
function hintFor(differing: readonly Differing[], members: number): string {
  const inFile = differing.flatMap(({ key, others }) => {
    const values = new Set(others.map(({ fixed }) => fixed.get(key)))
    const [value] = values
    const setting = settingOf[key]
    return setting === undefined || value === undefined || values.size > 1 || others.length < members
      ? []
      : [`${setting}='${shown(value)}'`]
  })
  const byHand = differing.filter(
    ({ key, others }) => settingOf[key] === undefined || others.length < members,
  )
  const hosts = new Set(byHand.flatMap(({ others }) => others.map(({ name }) => name)))
  return [
    ...(inFile.length === 0 ? [] : [`write into 09_k3s.env of this environment: ${inFile.join(' ')}`]),
    ...(hosts.size === 0
      ? []
      : [
          `changed by hand: on ${[...hosts].join(', ')} write ${byHand.map(({ key, value }) => `"${key}: ${value}"`).join(', ')} into ${paths.config}, then systemctl restart k3s`,
        ]),
    'then run the same command again',
  ].join('; ')
}
