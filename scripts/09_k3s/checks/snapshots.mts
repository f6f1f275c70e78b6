import { exitCodes } from '../../../lib/base/errors.mts'
import { few } from '../../../lib/base/few.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import { failed, passed, warning, type Check } from '../../../lib/checks/checks.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { K3sSettings } from '../settings.mts'
import { orUndefined } from './exits.mts'
import { serversOf } from './servers.mts'

/** Hours after which the newest snapshot is too old: K3s saves one every six, on every server. */
const snapshotHours = 13

/** A snapshot as K3s lists it. A failed one is listed too, for a day, with its own creation time. */
interface Snapshot {
  spec?: { nodeName?: string }
  status?: { creationTime?: string; readyToUse?: boolean; error?: { message?: string } }
}

/** Reads K3s' list of snapshots; undefined when the cluster has none, or it may not be read. */
async function snapshotsIn(kube: KubeReader): Promise<Snapshot[] | undefined> {
  const text = await orUndefined(
    kube.raw('/apis/k3s.cattle.io/v1/etcdsnapshotfiles'),
    exitCodes.rolloutFailed,
    exitCodes.denied,
  )
  return text === undefined ? undefined : (JSON.parse(text) as { items: Snapshot[] }).items
}

const timeOf = ({ status }: Snapshot): number => Date.parse(status?.creationTime ?? '') || 0

/** The snapshots of one server: hours since its newest usable one, and the error of a failed one since. */
function standingOf({ metadata: { name } }: LiveObject, all: readonly Snapshot[]) {
  const own = all.filter(({ spec }) => spec?.nodeName === name).toSorted((a, b) => timeOf(b) - timeOf(a))
  const usable = own.find(({ status }) => status?.readyToUse === true)
  const since = usable === undefined ? 0 : timeOf(usable)
  const newer = own.find((one) => one.status?.readyToUse !== true && timeOf(one) > since)
  const error = newer?.status?.error?.message
  return {
    hours: usable === undefined ? undefined : Math.floor((Date.now() - since) / 3_600_000),
    error: error === undefined ? undefined : shortened(error, 160),
  }
}

/** True for a server that joined less than 13 hours ago, which may have no snapshot yet. */
const isYoung = ({ metadata }: LiveObject): boolean =>
  Date.now() - Date.parse(metadata.creationTimestamp ?? '') < snapshotHours * 3_600_000

export const snapshots: Check<K3sSettings> = {
  id: 'k3s.snapshots',
  title: 'Every server has a recent snapshot of etcd that can be used',
  fix: 'on NAME: df -h /var/lib/rancher/k3s/server/db/snapshots; journalctl -u k3s tells why none was saved; then k3s etcd-snapshot save there',
  places: () => ({ NAME: 'each server' }),
  async ask(tools) {
    const all = await snapshotsIn(tools.kube)
    const nodes = await serversOf(tools)
    if (all === undefined)
      return warning('not proven: the cluster keeps no list of its snapshots', {
        NAME: nodes[0]?.metadata.name ?? '',
      })
    const servers = nodes.map((node) => ({
      name: node.metadata.name,
      young: isYoung(node),
      ...standingOf(node, all),
    }))
    const wrong = servers.flatMap(({ name, young, hours, error }) => {
      if (error !== undefined) return [{ name, why: `the newest failed: ${error}` }]
      if (hours === undefined) return young ? [] : [{ name, why: 'none that can be used' }]
      return hours < snapshotHours ? [] : [{ name, why: `the newest is ${hours} h old` }]
    })
    const [first] = wrong
    if (first !== undefined)
      return failed(
        few(
          wrong.map(({ name, why }) => `${name}: ${why}`),
          3,
        ),
        { NAME: first.name },
      )
    const ages = servers.flatMap(({ hours }) => hours ?? [])
    const without = servers.filter(({ hours }) => hours === undefined).map(({ name }) => name)
    const seen =
      ages.length === 0 ? 'none yet' : `on ${ages.length} servers, at most ${Math.max(...ages)} h old`
    return without.length === 0
      ? passed(seen)
      : warning(`${seen}; younger than the next scheduled one: ${without.join(', ')}`, {
          NAME: without[0] ?? '',
        })
  },
}
