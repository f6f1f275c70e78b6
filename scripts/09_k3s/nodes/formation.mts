import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { quorumLost } from '../../../lib/hosts/quorum-lost.mts'
import type { HostState } from './host-state.mts'
import { written } from '../../../lib/base/written.mts'

/** In which order servers are looked after, and which of them begins the cluster when there is none. */
export interface Formation {
  /** The one that begins; undefined when there is a cluster to join. */
  readonly begins: string | undefined
  /** Members first, then those that join. */
  readonly order: readonly HostState[]
}

/**
 * Decides whether a cluster begins or is joined. Every server answered: one that did not may hold the cluster.
 * @param known a cluster was installed for this environment before
 * @param mayBegin a server this run works on
 * @throws KitError exit 5 when that cannot be decided without a person
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
