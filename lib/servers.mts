import { join } from 'node:path'
import { exitCodes, KitError } from './errors.mts'
import { credentialsFolder, readIfThere, root, shownPath } from './file.mts'
import { nearest } from './nearest.mts'
import { clusterServers, parseServers, type Server } from './servers-file.mts'

/** The machines of an environment's cluster, as servers.tsv names them. @throws KitError exit 2 or 3 */
export function readServers(env: string): { masters: Server[]; workers: Server[] } {
  const [own, shared] = [join(credentialsFolder(env), 'servers.tsv'), join(root, 'servers.tsv')]
  for (const path of [own, shared]) {
    const text = readIfThere(path)
    if (text !== undefined) return clusterServers(parseServers(shownPath(path), text), env)
  }
  throw new KitError(`there is no servers.tsv`, {
    exitCode: exitCodes.preflight,
    details: [`looked for ${shownPath(own)} and ${shownPath(shared)}`],
    hint: 'copy servers.example.tsv and write your machines into it; a cluster that is already there needs only --verify',
  })
}

/** All masters, for each may be asked; masters and workers this run works on. */
export interface Limited {
  readonly masters: { readonly all: readonly Server[]; readonly limited: readonly Server[] }
  readonly workers: readonly Server[]
}

/**
 * What --limit leaves of the machines of a cluster.
 * @throws KitError exit 2 for a host servers.tsv does not name, with the nearest name
 */
export function limited(
  { masters, workers }: { masters: readonly Server[]; workers: readonly Server[] },
  limit: readonly string[] | undefined,
): Limited {
  const names = [...masters, ...workers].map(({ hostname }) => hostname)
  const unknown = limit?.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new KitError(`--limit names ${unknown}, which servers.tsv does not`, {
      exitCode: exitCodes.usage,
      details: [`there are: ${names.join(', ')}`],
      hint: `did you mean ${nearest(unknown, names)}?`,
    })
  }
  const named = ({ hostname }: Server) => limit?.includes(hostname) ?? true
  return { masters: { all: masters, limited: masters.filter(named) }, workers: workers.filter(named) }
}
