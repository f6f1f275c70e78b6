import { exitCodes } from '../../../lib/base/errors.mts'
import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { isKitMade } from '../probes/cluster-facts.mts'
import { parts } from '../probes/probe.mts'
import type { K3sSettings } from '../settings.mts'
import { askProbe, probesOf } from '../../../lib/kube/probes.mts'
import { orUndefined } from './exits.mts'

// The components that K3s packages with Kubernetes, and their storage.

/** The Deployments K3s packages, and the addon of each: the name of its file in server/manifests. */
const bundled = { coredns: 'coredns', 'metrics-server': 'metrics-server-deployment' } as const

/**
 * True when a Deployment is K3s' own: by the file it was created from, which K3s records, also for files that others
 * put there; else by the manager of its fields. Undefined when it does not exist.
 */
async function isBundled(kube: KubeReader, name: keyof typeof bundled): Promise<boolean | undefined> {
  const path = `/apis/apps/v1/namespaces/kube-system/deployments/${name}`
  const text = await orUndefined(kube.raw(path), exitCodes.rolloutFailed)
  if (text === undefined) return undefined
  const { metadata } = JSON.parse(text) as LiveObject
  const owner = metadata.annotations?.['objectset.rio.cattle.io/owner-name']
  if (owner !== undefined) return owner === bundled[name]
  return (metadata.managedFields ?? []).some(({ manager }) => /^(k3s|deploy@)/.test(manager))
}

export const addons: Check<K3sSettings> = {
  id: 'k3s.addons',
  title: 'DNS and metrics are the ones K3s brings, not replaced',
  fix: 'systemctl restart k3s on one master lays K3s’ own over the one that is there; a file of your own for NAME in /var/lib/rancher/k3s/server/manifests goes first; then module 9 again, for the number of pods',
  places: () => ({ NAME: 'coredns and metrics-server' }),
  async ask(tools) {
    const names = ['coredns', 'metrics-server'] as const
    const found = await Promise.all(
      names.map(async (name) => ({ name, bundled: await isBundled(tools.kube, name) })),
    )
    const wrong = found.flatMap(({ name, bundled }) =>
      bundled === true ? [] : [`${name}: ${bundled === undefined ? 'not there' : 'another owner’s'}`],
    )
    if (wrong.length === 0) return passed(names.join(', '))
    const [NAME = ''] = wrong.map((one) => one.split(':')[0] ?? '')
    return (await isKitMade(tools)) ? failed(wrong.join(', '), { NAME }) : warning(wrong.join(', '), { NAME })
  },
}

/**
 * Finds the default StorageClass.
 * @returns its name; undefined when there is none
 * @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader
 */
export async function defaultStorageClass(kube: KubeReader): Promise<string | undefined> {
  const classes = await kube.list('storageclasses.storage.k8s.io', {})
  const isDefault = ({ metadata }: LiveObject) =>
    metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true'
  return classes.find(isDefault)?.metadata.name
}

export const storage: Check<K3sSettings> = {
  id: 'k3s.storage',
  title: 'The default StorageClass gives a pod a volume it can write',
  fix: 'kubectl -n keybuzz-probe describe pods -l app.kubernetes.io/component=volume; then its PersistentVolumeClaim',
  async ask(tools) {
    const { kube } = tools
    const name = await defaultStorageClass(kube)
    if (name === undefined) return warning('there is no default StorageClass: volumes must name theirs')
    const [probe] = await probesOf(kube, parts.volume)
    if (probe === undefined) {
      return (await isKitMade(tools))
        ? failed(`${name}: the pod with its volume does not run`)
        : warning(`${name}, not proven: the kit puts its probes only on a cluster it made`)
    }
    const answer = (await askProbe(kube, probe, 'volume')).trim()
    return answer === 'written'
      ? passed(`${name}: written and read on ${probe.node}`)
      : failed(`${name}: the volume on ${probe.node} does not take what is written`)
  },
}
