import type { Host } from '../../../lib/hosts/host.mts'
import { paths } from '../host/paths.mts'
import { kubectlWords } from './kubectl.mts'
import { hideToken } from './tokens.mts'

/** What is needed to join workers, and to compare them with the cluster. */
export interface WorkersView {
  /** The join token of workers, in its full form. */
  readonly token: string
  /** The names of all Nodes that are Ready. */
  readonly ready: ReadonlySet<string>
  /** The K3s version of each Node by its name, as its kubelet has reported it; empty before that. */
  readonly nodes: ReadonlyMap<string, string>
}

const readyNodes = kubectlWords('--request-timeout=5s', 'get', 'nodes')
  .concat(
    '-o',
    `'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}={.status.nodeInfo.kubeletVersion} {end}'`,
  )
  .join(' ')

const viewScript = `echo "$(cat ${paths.server}/agent-token)" && ${readyNodes}`

/**
 * Reads the join token of workers and the Nodes from a server.
 * @returns without `ready` and `nodes` when the API does not answer; with an empty token when the server has none yet
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function viewOfWorkers(
  server: Host,
): Promise<Pick<WorkersView, 'token'> & Partial<WorkersView>> {
  const shown = 'ask for the token and the Nodes of workers'
  const { code, stdout } = await server.read(['sh', '-c', viewScript], { shown })
  const [token = '', nodes = ''] = stdout.split('\n')
  if (!token.startsWith('K10')) return { token: '' }
  hideToken(token)
  return code === 0 ? { token, ...nodesIn(nodes) } : { token }
}

/** The Nodes in the words `NAME=READY=VERSION`. */
function nodesIn(text: string): Pick<WorkersView, 'ready' | 'nodes'> {
  const said = text.split(/\s+/).flatMap((one) => {
    const [name = '', ready, version = ''] = one.split('=')
    return name === '' ? [] : [{ name, ready, version }]
  })
  return {
    ready: new Set(said.flatMap(({ name, ready }) => (ready === 'True' ? [name] : []))),
    nodes: new Map(said.map(({ name, version }) => [name, version])),
  }
}
