import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { visible } from '../../../lib/base/visible.mts'
import { written } from '../../../lib/base/written.mts'
import { factsName } from '../../../lib/state/cluster-network.mts'
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

/**
 * Both ways: the hosts do not tell whether the settings or config.yaml were changed. The record in the cluster does,
 * for what is a setting.
 * @param members how many servers have these values
 */
function hintFor(differing: readonly Differing[], members: number): string {
  const inFile = differing.flatMap(({ key, others }) => {
    const values = new Set(others.map(({ fixed }) => fixed.get(key)))
    const [value] = values
    const setting = settingOf[key]
    return setting === undefined || value === undefined || values.size > 1
      ? []
      : [`${setting}='${shown(value)}'`]
  })
  const hosts = new Set(differing.flatMap(({ others }) => others.map(({ name }) => name)))
  const lines = differing.map(({ key, value }) => `"${key}: ${value}"`)
  const byHand = `on ${[...hosts].join(', ')} write ${lines.join(', ')} into ${paths.config}, then systemctl restart k3s, one after another`
  if (inFile.length === 0) return `changed by hand: ${byHand}; then run the same command again`
  const rest = differing.some(({ others }) => others.length < members)
    ? `, and into ${paths.config} of the other masters too`
    : ''
  return [
    `this tells what the cluster was made with: kubectl get configmap ${factsName} --namespace ${systemNamespace} -o yaml`,
    `if it is what those hosts have, write into 09_k3s.env of this environment: ${inFile.join(' ')}${rest}`,
    `if it is what the settings have: ${byHand}`,
    'then run the same command again',
  ].join('; ')
}
