import { readLogLines } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { unitOf } from '../host/paths.mts'
import { lastWordsOf } from './journal.mts'
import { doesNotCome, missingOf } from './readiness.mts'

// A healthy server to work on; when there is none, why.

/** The first of these servers that is healthy; undefined when none is. */
export async function healthyServer(servers: readonly Host[]): Promise<Host | undefined> {
  for (const server of servers) if ((await missingOf(server)) === '') return server
  return undefined
}

/**
 * What the journal of a server says of why its K3s does not come, for the details of an error. A wait tells it by
 * itself; this is for a server that is not waited for.
 * @param missing what the server lacks, see missingOf
 * @returns nothing where its API answers or its etcd waits for other servers: its journal then has no reason
 */
export async function reasonsOf(server: Host, missing: string): Promise<readonly string[]> {
  if (!doesNotCome(missing)) return []
  const lines = await readLogLines(() => lastWordsOf(server, unitOf('server')))
  const said = lines.filter((line) => line !== '')
  // A heading alone: the journal is empty.
  return said.length === 1 && said[0]?.endsWith(':') === true ? [] : said
}

/** What each of these servers lacks, and why K3s does not come on the first where it does not. */
export async function whyNoneIsHealthy(servers: readonly Host[]): Promise<string[]> {
  const missing = await Promise.all(servers.map((server) => missingOf(server)))
  const at = missing.findIndex(doesNotCome)
  const [first] = servers.slice(at, at + 1)
  return [
    ...servers.flatMap(({ name }, one) => (missing[one] === '' ? [] : [`${name}: ${missing[one]}`])),
    ...(at < 0 || first === undefined ? [] : await reasonsOf(first, missing[at] ?? '')),
  ]
}
