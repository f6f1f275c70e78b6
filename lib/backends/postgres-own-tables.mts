import { few } from '../base/few.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import {
  isRightPassword,
  logIn,
  quoteName,
  quoteText,
  type Connection,
  type Login,
} from './postgres-login.mts'

// Tables of an application's schema that another role owns, as after a restore by the superuser. The application can
// read them, but its next migration fails with "must be owner of table".

/** Tables, views and sequences of schema public, without those of extensions and those a table's column owns. */
const foreign = `from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
     and (d.deptype = 'e' or (c.relkind = 'S' and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass)))`

/**
 * Requires that the role owns every table of its database.
 * @param connection logged in as the role
 * @throws KitError exit 5 naming tables and owner, with the statement that hands them over; pg's error, see `failure`
 */
export async function requireOwnTables(
  connection: Connection,
  { user, database }: Pick<Login, 'user' | 'database'>,
  where: string,
): Promise<void> {
  const { rows } = await connection.query<{ name: string; owner: string }>(
    `select c.relname::text as name, pg_get_userbyid(c.relowner)::text as owner ${foreign}
        and c.relowner <> (select oid from pg_roles where rolname = current_user) order by 1`,
  )
  const [first] = rows
  if (first === undefined) return
  const owners = [...new Set(rows.map(({ owner }) => owner))]
  const names = rows.map(({ name }) => name)
  const handOver = `SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, ${quoteText(user)}) ${foreign.replaceAll(/\s+/g, ' ')} AND c.relowner <> ${quoteText(user)}::regrole \\gexec`
  throw new KitError(
    `${where}: ${rows.length} tables of database ${database} belong to ${owners.join(', ')}, not to ${user}`,
    {
      exitCode: exitCodes.conflict,
      details: [
        shortened(few(names, 5), 400),
        'A migration of the application would end with "must be owner". A restore by the superuser leaves them so.',
      ],
      hint: `as superuser: psql --dbname ${quoteName(database)}, and there: SET search_path = pg_catalog; ${handOver}`,
    },
  )
}

/**
 * As requireOwnTables, with a login of its own. Passes when the session is refused after the password was accepted: a
 * busy application may use every connection of its role.
 * @throws KitError exit 5, see requireOwnTables; exit 6, 7 or 8 when the login fails; pg's error, see `failure`
 */
export async function tryOwnTables(login: Login, where: string): Promise<void> {
  const connection = await logIn(login).catch((thrown: unknown) => {
    if (!isRightPassword(thrown)) throw thrown
  })
  if (connection === undefined) return
  try {
    await requireOwnTables(connection, login, where)
  } finally {
    await connection.end()
  }
}
