import { componentOf } from '../../lib/checks/pods.mts'
import { podsOf } from '../../lib/checks/standard.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { application } from './application.mts'
import type { Tools } from './session.mts'

/** Bytes of a log's beginning: what a process says while it starts. */
const beginning = 512 * 1024

/** Asks the API server for a pod's log: as `kubectl logs` does. @param query of the log subresource, without `?` */
export const logOf = (
  { kube }: Tools,
  { metadata }: LiveObject,
  part: string,
  query: string,
): Promise<string> =>
  kube.raw(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/log?container=${part}&${query}`)

/** The beginning of the log of every pod, with times, by the pod's name; read once for all checks. */
export const podLogs = (tools: Tools): Promise<Map<string, string>> =>
  tools.once('superset.logs', async () => {
    const pods = await podsOf(application, tools)
    const texts = await Promise.all(
      pods.map((pod) => logOf(tools, pod, componentOf(pod), `timestamps=true&limitBytes=${beginning}`)),
    )
    return new Map(pods.map((pod, at) => [pod.metadata.name, texts[at] ?? '']))
  })
