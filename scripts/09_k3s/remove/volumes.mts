import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { askKubectl } from '../nodes/kubectl.mts'

interface VolumeSpec {
  claimRef?: { namespace: string; name: string }
  nodeAffinity?: { required?: { nodeSelectorTerms?: { matchExpressions?: { values?: string[] }[] }[] } }
}

/**
 * Lists the PersistentVolumes whose data is on the disks of these nodes and is lost with them.
 * @param nodes their names
 * @returns one line for each, for the operator
 * @throws KitError exit 6 when the server gives no list of volumes; exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function localVolumes(server: Host, nodes: readonly string[]): Promise<string[]> {
  const stdout = await askKubectl(server, 'its volumes', ['get', 'persistentvolumes', '-o', 'json'])
  return volumesOn(volumesIn(stdout, server.name), nodes)
}

/** The volumes in kubectl's output. @param server name, for the message @throws KitError exit 6 for other output */
export function volumesIn(stdout: string, server: string): readonly LiveObject[] {
  try {
    const { items } = JSON.parse(stdout) as { items: unknown }
    if (Array.isArray(items)) return items as LiveObject[]
  } catch {
    // The error is thrown below.
  }
  throw new KitError(`${server} did not give the list of its volumes`, {
    exitCode: exitCodes.unreachable,
    details: [shortened(stdout.trim().split('\n')[0] ?? '', 200)],
    hint: 'run the same command again',
  })
}

/** One line for each volume with a node affinity to one of these nodes. Pure. */
export function volumesOn(volumes: readonly LiveObject[], nodes: readonly string[]): string[] {
  return volumes.flatMap(({ metadata, spec }) => {
    const { claimRef, nodeAffinity } = (spec ?? {}) as VolumeSpec
    const terms = nodeAffinity?.required?.nodeSelectorTerms ?? []
    const values = terms.flatMap((term) => (term.matchExpressions ?? []).flatMap((one) => one.values ?? []))
    const node = nodes.find((name) => values.includes(name))
    const claim = claimRef === undefined ? 'unclaimed' : `of ${claimRef.namespace}/${claimRef.name}`
    return node === undefined ? [] : [`volume ${metadata.name} ${claim} on ${node}, with its data`]
  })
}
