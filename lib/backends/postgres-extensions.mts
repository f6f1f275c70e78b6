import { exitCodes, KitError } from '../base/errors.mts'
import { execute, logIn, quoteName, type Connection, type Login } from './postgres-login.mts'
import type { Change, Writes } from '../base/writes.mts'
import { written } from '../base/written.mts'

// Extensions: a package on the server's machine installs their files, and CREATE EXTENSION needs a superuser.

/** An extension an application's database must have. */
export interface Extension {
  readonly name: string
  /** The Debian package of it, for one major version of the server: `postgresql-16-pgvector`. */
  readonly packageFor: (version: number) => string
}

/** The server's facts about the wanted extensions. */
export interface ExtensionFacts {
  /** Names of those whose files the server has. */
  readonly available: ReadonlySet<string>
  /** Names of those that an ordinary role may create in its own database (PostgreSQL: trusted). */
  readonly trusted: ReadonlySet<string>
}

/** Reads which extensions are available in one query; the answer is the same in every database. @throws pg's error */
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

/**
 * Requires that the wanted extensions can be created.
 * @param where the server, in messages: `PostgreSQL HOST:PORT`
 * @param user the login that creates them
 * @throws KitError exit 3 when the server lacks the files of one; exit 8 when the login may not create it
 */
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
      details: [`Its files come with a package of the server’s own machine. ${written()}`],
      hint: `on every machine of this PostgreSQL, standbys too: apt-get install ${packages.join(' ')}`,
    })
  }
  const forbidden = superuser ? [] : wanted.filter(({ name }) => !trusted.has(name))
  if (forbidden.length === 0) return
  throw new KitError(`${where}: only a superuser may make extension ${forbidden[0]?.name}`, {
    exitCode: exitCodes.denied,
    details: [`${user} is not a superuser. ${written()}`],
    hint: 'set POSTGRES_SUPERUSER to a superuser; the application’s own role never becomes one',
  })
}

/**
 * Creates the missing extensions in a database.
 * @param login of its owner; before the handover of a new database, of the superuser
 * @param facts `isOwners` is true when `login` is the owner's
 * @throws KitError exit 3 for an extension the owner may not create: the superuser never logs in to an application's
 *   database; exit 6, 7 or 8 when the login fails; what the gate throws (Writes.make); pg's error, see `failure`
 */
export async function ensureExtensions(
  writes: Writes,
  login: Login,
  wanted: readonly Extension[],
  { trusted, isOwners }: { readonly trusted: ReadonlySet<string>; readonly isOwners: boolean },
): Promise<void> {
  if (wanted.length === 0) return
  const installed = await within(login, readInstalled)
  const missing = wanted.filter(({ name }) => !installed.has(name))
  if (missing.length === 0) return
  const forbidden = isOwners ? missing.filter(({ name }) => !trusted.has(name)) : []
  if (forbidden.length > 0) throw onlyBySuperuser(login.database, forbidden)
  await writes.make(changesOf(missing, login.database), () =>
    within(login, async (inside) => {
      for (const one of missing) await execute(inside, createExtension(one))
    }),
  )
}

/** The plan's changes for these extensions. */
export const changesOf = (extensions: readonly Extension[], database: string): Change[] =>
  extensions.map(({ name }) => ({ sign: '+', what: `PostgreSQL extension ${name} in ${database}` }))

const onlyBySuperuser = (database: string, forbidden: readonly Extension[]): KitError =>
  new KitError(`database ${database} lacks extension ${forbidden.map(({ name }) => name).join(', ')}`, {
    exitCode: exitCodes.preflight,
    details: [
      'Only a superuser may make it, and this database is an application’s: whatever lies in it could run with the',
      `superuser’s rights. The kit does not log in there as superuser. ${written()}`,
    ],
    hint: `as superuser, in that database, when you trust what is in it: ${forbidden.map(createExtension).join('; ')}`,
  })

async function readInstalled(inside: Connection): Promise<ReadonlySet<string>> {
  const { rows } = await inside.query<{ extname: string }>(
    'select extname::pg_catalog.text from pg_catalog.pg_extension',
  )
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

/** The statement for an extension, a no-op when it exists. With its schema, because search_path is pg_catalog only. */
export const createExtension = ({ name }: Extension): string =>
  `CREATE EXTENSION IF NOT EXISTS ${quoteName(name)} WITH SCHEMA public`
