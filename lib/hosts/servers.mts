import { join } from 'node:path'
import { exitCodes, KitError } from '../base/errors.mts'
import { credentialsFolder, readIfThere, root, shownPath } from '../base/files.mts'
import { nearest } from '../base/nearest.mts'
import { duplicatesOf, headerProblems, rowProblems, type Cells, type Problem } from './servers-rules.mts'

/**
 * Reads the machines of an environment's cluster from servers.tsv: the environment's own file, else the shared one.
 * @throws KitError exit 3 when there is no servers.tsv, exit 2 when it cannot be read, has errors, or has not one,
 *   three, five or seven masters
 */
export function readServers(env: string): {
  masters: Server[]
  workers: Server[]
  /** The environment's other machines as one sentence, see leftOut. */
  others: string | undefined
} {
  const [own, shared] = [join(credentialsFolder(env), 'servers.tsv'), join(root, 'servers.tsv')]
  for (const path of [own, shared]) {
    const text = readIfThere(path)
    if (text === undefined) continue
    const servers = parseServers(shownPath(path), text)
    return { ...clusterServers(servers, env), others: leftOut(servers, env) }
  }
  throw new KitError(`there is no servers.tsv`, {
    exitCode: exitCodes.preflight,
    details: [`looked for ${shownPath(own)} and ${shownPath(shared)}`],
    hint: 'copy servers.example.tsv and write your machines into it; a cluster that is already there needs only --verify',
  })
}

/** All masters, since any of them may be read, and the masters and workers this run works on. */
export interface Limited {
  readonly masters: { readonly all: readonly Server[]; readonly limited: readonly Server[] }
  readonly workers: readonly Server[]
}

/**
 * The machines of a cluster that --limit selects.
 * @param limit host names; undefined for all
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

/** One row of servers.tsv. */
export interface Server {
  readonly line: number
  readonly env: string
  readonly hostname: string
  readonly privateAddress: string
  readonly publicAddress: string | undefined
  readonly fqdn: string | undefined
  readonly user: string | undefined
  readonly role: string
  readonly subrole: string
}

/** Most problems shown at once: more would scroll the first ones away. */
const mostShown = 20

/**
 * Reads servers.tsv: TAB separated, columns found by their names in the header, further columns allowed (its
 * 14-column form has two). Every row is validated, of every environment.
 * @param path for messages
 * @param text content of the file
 * @throws KitError exit 2 with all problems at once, each with line and column
 */
export function parseServers(path: string, text: string): Server[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const at = lines.findIndex((line) => !isIgnored(line))
  const header = (lines[at] ?? '').split('\t')
  refuse(path, headerProblems(at + 1, lines[at] ?? ''))
  const rows = lines.flatMap((line, index) =>
    index <= at || isIgnored(line) ? [] : [cellsOf(header, line, index + 1)],
  )
  if (rows.length === 0) refuse(path, [{ line: at + 1, what: 'there is no machine below the header' }])
  refuse(path, [...rows.flatMap((row) => rowProblems(row, header.length)), ...duplicatesOf(rows)])
  return rows.map(({ line, cell }) => ({
    line,
    env: cell('ENV'),
    hostname: cell('HOSTNAME'),
    privateAddress: cell('IP_PRIVEE'),
    publicAddress: cell('IP_PUBLIQUE') || undefined,
    fqdn: cell('FQDN') || undefined,
    user: cell('USER_SSH') || undefined,
    role: cell('ROLE'),
    subrole: cell('SUBROLE'),
  }))
}

const isIgnored = (line: string): boolean => line.trim() === '' || line.startsWith('#')

function cellsOf(header: readonly string[], text: string, line: number): Cells {
  const cells = text.split('\t')
  return { line, text, count: cells.length, cell: (name) => cells[header.indexOf(name)] ?? '' }
}

function refuse(path: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const shown = problems
    .toSorted((a, b) => a.line - b.line)
    .map(
      ({ line, column, what }) => `line ${line}${column === undefined ? '' : `, column ${column}`}: ${what}`,
    )
  const rest = shown.length - mostShown
  throw new KitError(`${path} has errors`, {
    exitCode: exitCodes.usage,
    details: [...shown.slice(0, mostShown), ...(rest > 0 ? [`and ${rest} more`] : [])],
    hint: 'correct these lines; servers.example.tsv shows the form',
  })
}

/**
 * Counts an environment's rows with another ROLE than k3s, by ROLE: an operator sees here a machine that is missing in
 * the cluster.
 * @returns `4 of its rows are other machines: 3 postgres, 1 redis`; undefined when there are none
 */
export function leftOut(servers: readonly Server[], env: string): string | undefined {
  const roles = servers
    .filter((server) => server.env === env && server.role !== 'k3s')
    .map(({ role }) => role)
  if (roles.length === 0) return undefined
  const counted = [...new Set(roles)].map((role) => `${roles.filter((one) => one === role).length} ${role}`)
  return `${roles.length} of its rows are other machines: ${counted.join(', ')}`
}

/**
 * The machines of an environment's cluster: ROLE k3s, in the order of the file.
 * @throws KitError exit 2 unless there are one, three, five or seven masters
 */
export function clusterServers(
  servers: readonly Server[],
  env: string,
): { masters: Server[]; workers: Server[] } {
  const mine = servers.filter((server) => server.env === env && server.role === 'k3s')
  const masters = mine.filter(({ subrole }) => subrole === 'master')
  const workers = mine.filter(({ subrole }) => subrole === 'worker')
  if (masters.length % 2 === 1 && masters.length <= 7) return { masters, workers }
  throw new KitError(
    masters.length === 0
      ? `servers.tsv names no master of ${env}`
      : `servers.tsv names ${masters.length} masters of ${env}`,
    {
      exitCode: exitCodes.usage,
      details: masters.map(({ line, hostname }) => `line ${line}: ${hostname}`),
      hint: 'a cluster has one, three, five or seven rows with ROLE k3s and SUBROLE master: an even number survives no more failures than one fewer',
    },
  )
}
