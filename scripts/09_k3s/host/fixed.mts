import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { visible } from '../../../lib/base/visible.mts'
import { written } from '../../../lib/base/written.mts'
import type { K3sSettings } from '../settings.mts'
import { paths } from './paths.mts'

// What K3s fixes when a cluster begins. It compares these only while a server joins: a member that is told others starts
// with exit 0, and pods lose names at once, each other at the next reboot, or the API its Secrets.

/** The keys of config.yaml that stay as they were when the cluster began, each with the value the kit gives it. */
export const fixedValues = (settings: K3sSettings) => ({
  'cluster-cidr': settings.CLUSTER_CIDR,
  'service-cidr': settings.SERVICE_CIDR,
  'cluster-dns': settings.CLUSTER_DNS,
  'flannel-backend': settings.FLANNEL_BACKEND,
  'secrets-encryption': true,
})

type Key = keyof ReturnType<typeof fixedValues>

/** The setting behind each key; the one without is the kit's own. */
const settingOf: Readonly<Record<Key, keyof K3sSettings | undefined>> = {
  'cluster-cidr': 'CLUSTER_CIDR',
  'service-cidr': 'SERVICE_CIDR',
  'cluster-dns': 'CLUSTER_DNS',
  'flannel-backend': 'FLANNEL_BACKEND',
  'secrets-encryption': undefined,
}

/** The keys above, as a regular expression of sed and of JavaScript. */
export const fixedKeys = '[a-z]+-(cidr|dns|backend|encryption)'

/** A line of a POSIX script: what a host that holds the database tells its K3s of them, as lines `node KEY: VALUE`. */
export const fixedScript = `[ -e ${paths.etcd}/member/wal ] && sed -nE 's/^${fixedKeys}/node &/p' ${paths.config} 2>/dev/null`

/** What a host says of them, by key: nothing where it is no member. */
export type Fixed = ReadonlyMap<string, string>

/** Their values in what a host said; a change by hand may have quoted them. Pure. */
export const fixedIn = (text: string): Fixed =>
  new Map(
    [...text.matchAll(new RegExp(`^node (${fixedKeys}): +(.*?)(?: +#.*)?$`, 'gm'))].map(
      ([, key = '', , value = '']) => [key, value.replace(/^(["'])(.*)\1$/, '$2')],
    ),
  )

/** A server, and what its K3s is told. */
export interface FixedOf {
  readonly name: string
  readonly fixed: Fixed
}

/**
 * The settings say what the members of the cluster are told. Nothing of a host was changed before this is asked.
 * @param servers all of them: those that hold no database say nothing
 * @throws KitError exit 5 with every value that differs, and both sides of each
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

/** Where all members agree the settings are wrong; where one differs from the others it was changed there. */
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
