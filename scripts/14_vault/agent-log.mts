import { explainLines, type KnownFailure } from '../../lib/kube/rollout/failure.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { agents } from '../../lib/kube/manifests/injection.mts'
import { failures } from './failures.mts'
import type { Tools } from './session.mts'

/** Why a pod waits for Vault. */
export interface AgentLog {
  /** The last line that is known, else the last one; undefined while the log is empty. */
  readonly line: string | undefined
  /** What it means. */
  readonly known: KnownFailure | undefined
}

/**
 * The log of the agent that a pod starts with: no event and no status says why it waits.
 * @throws KitError exit 6, 8 or 9, see KubeReader.raw
 */
export async function readAgentLog(
  { kube, settings }: Pick<Tools, 'kube' | 'settings'>,
  { metadata: { namespace, name } }: LiveObject,
): Promise<AgentLog> {
  const log = await kube.raw(
    `/api/v1/namespaces/${namespace}/pods/${name}/log?container=${agents.init}&tailLines=20`,
  )
  const lines = log.split('\n').filter((line) => line.trim() !== '')
  const { known } = explainLines(lines, failures(settings))
  // An agent that tries again writes more lines after the one that says why.
  return { line: lines.findLast((line) => known?.line.test(line)) ?? lines.at(-1), known }
}
