import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import type { HostState } from './host-state.mts'
import { written } from '../../../lib/base/written.mts'

/** In which order servers are processed, and which of them begins the cluster when there is none. */
export interface Formation {
  /** The server that begins the cluster; undefined when there is one to join, or none may begin it. */
  readonly begins: string | undefined
  /** Members first, then those that join. */
  readonly order: readonly HostState[]
}

/**
 * Decides whether a cluster begins or is joined. Pure.
 * @param servers all of them: one that is missing could have the cluster
 * @param known true when a cluster was installed for this environment before
 * @param mayBegin true for a server this run works on
 * @throws KitError exit 5 when the servers have different clusters, or none has the one that was installed before
 */
export function planFormation(
  servers: readonly HostState[],
  known: boolean,
  mayBegin: (server: HostState) => boolean = () => true,
): Formation {
  const members = servers.filter(({ data }) => data)
  const empty = servers.filter(({ data }) => !data)
  const authorities = new Set(members.map(({ ca }) => ca))
  if (authorities.size > 1) {
    throw undecidable(
      'the masters hold different clusters',
      members.map(({ name, ca }) => `${name}: CA ${ca?.slice(0, 12) ?? 'none'}`),
    )
  }
  if (members.length > 0) return { begins: undefined, order: [...members, ...empty] }
  if (known) {
    throw undecidable(
      'the cluster of this environment is on none of its masters',
      servers.map(({ name }) => `${name}: no database`),
    )
  }
  return { begins: servers.find(mayBegin)?.name, order: servers }
}

const undecidable = (what: string, seen: readonly string[]): KitError =>
  new KitError(what, {
    exitCode: exitCodes.conflict,
    details: [...seen, `A new cluster is begun only where none can be. ${written()}`],
    hint: `put the right machines into servers.tsv; to begin anew on purpose, remove cluster.env and kubeconfig of this environment. ${quorumLost}`,
  })

/** Members that have ended come first: while one is away no other may be started. Pure. */
export function inTurn(order: readonly HostState[]): readonly HostState[] {
  const hasEnded = ({ data, active, starting }: HostState) => data && !active && !starting
  return [...order.filter(hasEnded), ...order.filter((state) => !hasEnded(state))]
}
