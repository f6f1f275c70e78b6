import { componentOf } from '../../lib/checks/pods.mts'
import { podsOf } from '../../lib/checks/standard.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { application } from './application.mts'
import type { Tools } from './session.mts'

/** Bytes of the beginning of a log, with the messages of a process's start. */
const beginning = 512 * 1024

/**
 * Requests a pod's log from the API server, as `kubectl logs` does.
 * @param part the name of the container
 * @param query of the log subresource, without `?`: `sinceSeconds=120`
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export const logOf = (
  { kube }: Tools,
  { metadata }: LiveObject,
  part: string,
  query: string,
): Promise<string> =>
  kube.raw(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/log?container=${part}&${query}`)

/**
 * The beginning of the log of every pod, with timestamps, by the pod's name; read once for all checks.
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export const podLogs = (tools: Tools): Promise<Map<string, string>> =>
  tools.once('superset.logs', async () => {
    const pods = await podsOf(application, tools)
    const texts = await Promise.all(
      pods.map((pod) => logOf(tools, pod, componentOf(pod), `timestamps=true&limitBytes=${beginning}`)),
    )
    return new Map(pods.map((pod, at) => [pod.metadata.name, texts[at] ?? '']))
  })
