import { exitCodes, KitError } from '../base/errors.mts'
import { execute, logIn, quoteName, type Connection, type Login } from './postgres-login.mts'
import type { Writes } from '../base/writes.mts'

// Extensions: their files come with a package of the server's machine, and making one wants its superuser.

/** An extension an application's database must have. */
export interface Extension {
  readonly name: string
  /** Debian's package that brings it, for one major version of the server. */
  readonly packageFor: (version: number) => string
}

/** What the server says of the extensions that are wanted. */
export interface ExtensionFacts {
  /** Those whose files the server has. */
  readonly available: ReadonlySet<string>
  /** Those a role that is no superuser may make in its own database. */
  readonly trusted: ReadonlySet<string>
}

/** Reads them in one question; any database of the server gives the same answer. */
export async function readAvailable(
  server: Connection,
  wanted: readonly Extension[],
): Promise<ExtensionFacts> {
  const { rows } = await server.query<{ name: string; trusted: boolean }>(
    `select name, bool_or(trusted or not superuser) as trusted
       from pg_available_extension_versions where name = any($1) group by name`,
    [wanted.map(({ name }) => name)],
  )
  return {
    available: new Set(rows.map(({ name }) => name)),
    trusted: new Set(rows.flatMap(({ name, trusted }) => (trusted ? [name] : []))),
  }
}

/** @throws KitError exit 3 when the server has not the files of one; exit 8 when its user may not make it */
export function requireExtensions(
  where: string,
  user: string,
  wanted: readonly Extension[],
  { available, trusted }: ExtensionFacts,
  { version, superuser }: { readonly version: number; readonly superuser: boolean },
): void {
  const absent = wanted.filter(({ name }) => !available.has(name))
  if (absent.length > 0) {
    const packages = [...new Set(absent.map(({ packageFor }) => packageFor(version)))]
    throw new KitError(`${where} has no extension ${absent.map(({ name }) => name).join(', ')}`, {
      exitCode: exitCodes.preflight,
      details: ['Its files come with a package of the server’s own machine. Nothing was written.'],
      hint: `on every machine of this PostgreSQL, standbys too: apt-get install ${packages.join(' ')}`,
    })
  }
  const forbidden = superuser ? [] : wanted.filter(({ name }) => !trusted.has(name))
  if (forbidden.length === 0) return
  throw new KitError(`${where}: only a superuser may make extension ${forbidden[0]?.name}`, {
    exitCode: exitCodes.denied,
    details: [`${user} is none. Nothing was written.`],
    hint: 'set POSTGRES_SUPERUSER to a superuser; the application’s own role never becomes one',
  })
}

/**
 * Makes what a database lacks, in the database itself.
 * @param superuser a login to that database as who may make them
 * @param exists false when this run has only just made it, or under --plan would make it
 */
export async function ensureExtensions(
  writes: Writes,
  superuser: Login,
  wanted: readonly Extension[],
  exists: boolean,
): Promise<void> {
  if (wanted.length === 0) return
  const installed = exists ? await within(superuser, readInstalled) : new Set<string>()
  const missing = wanted.filter(({ name }) => !installed.has(name))
  if (missing.length === 0) return
  await writes.make(
    missing.map(({ name }) => ({ sign: '+', what: `PostgreSQL extension ${name} in ${superuser.database}` })),
    () =>
      within(superuser, async (inside) => {
        for (const one of missing) await execute(inside, createExtension(one))
      }),
  )
}

async function readInstalled(inside: Connection): Promise<ReadonlySet<string>> {
  const { rows } = await inside.query<{ extname: string }>('select extname from pg_extension')
  return new Set(rows.map(({ extname }) => extname))
}

async function within<T>(login: Login, act: (inside: Connection) => Promise<T>): Promise<T> {
  const inside = await logIn(login)
  try {
    return await act(inside)
  } finally {
    await inside.end()
  }
}

/** Harmless when it is there. */
export const createExtension = ({ name }: Extension): string =>
  `CREATE EXTENSION IF NOT EXISTS ${quoteName(name)}`
