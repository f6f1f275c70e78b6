import { exitCodes, KitError } from './errors.mts'
import { isRightPassword, isWrongPassword, logIn, quoteName, type Login } from './postgres-login.mts'

// Logins as the application itself will make them.

/** True when the role may log in with the password we have. @throws KitError when that cannot be told */
export async function canLogIn(login: Login): Promise<boolean> {
  try {
    await (await logIn(login)).end()
    return true
  } catch (thrown) {
    if (isWrongPassword(thrown)) return false
    // A busy application may hold every connection its role has.
    if (isRightPassword(thrown)) return true
    throw thrown
  }
}

/** Logs in as the application will, and asks whether it may make tables. @throws KitError exit 8 or 9 */
export async function requireOwnSchema(login: Login): Promise<void> {
  const connection = await logIn(login).catch((thrown: unknown) => {
    if (!isRightPassword(thrown)) throw thrown
  })
  if (connection === undefined) return
  try {
    const { rows } = await connection.query<{ may: boolean }>(
      `select has_schema_privilege(current_user, 'public', 'CREATE') as may`,
    )
    if (rows[0]?.may === true) return
  } finally {
    await connection.end()
  }
  throw new KitError(`${login.user} may not create tables in database ${login.database}`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `as superuser, in that database: GRANT CREATE ON SCHEMA public TO ${quoteName(login.user)}`,
  })
}
