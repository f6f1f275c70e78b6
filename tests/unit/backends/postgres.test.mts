import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { claimOf, readComment, type Facts } from '../../../lib/backends/postgres-facts.mts'
import { planDatabase, scramVerifier } from '../../../lib/backends/postgres-plan.mts'
import { requireNoMembership, requireOurRole, requireUsable } from '../../../lib/backends/postgres-access.mts'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'

// The server here is a stand-in that speaks just enough of PostgreSQL's protocol to refuse a login or to give one
// row. What a real server does with roles and databases is proven on the practice platform.

const database = {
  name: 'n8n_dev',
  owner: 'n8n_dev',
  password: sensitive('a\'quoted \\ "password" $1'),
  connections: 36,
  supportedFrom: 16,
}

const facts: Facts = {
  version: 16,
  replica: false,
  pooled: false,
  most: 100,
  mayCreate: true,
  superuser: true,
  owner: undefined,
  takesConnections: true,
  publicRights: [],
  grants: [],
  roleLimit: undefined,
  roleAttributes: [],
  loginForbidden: false,
  expired: undefined,
  memberships: [],
  members: [],
  roleInUse: false,
  promised: 0,
  claim: undefined,
  words: '',
}
const claim = claimOf('c0ffee', 'dev/12_n8n')

const refuses = (seen: Partial<Facts>, exitCode: ExitCode, what: RegExp, hint: RegExp) => {
  assert.throws(
    () => requireUsable('PostgreSQL 192.0.2.1:5432', 'admin', { ...facts, ...seen }, database, claim),
    (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCode)
      assert.match([thrown.message, ...thrown.details].join('\n'), what)
      assert.match(thrown.hint ?? '', hint)
      return true
    },
  )
}

test('a server that must not be used is refused, each reason told apart', () => {
  refuses({ pooled: true }, exitCodes.preflight, /is PgBouncer or another pooler/, /leader itself/)
  refuses({ replica: true }, exitCodes.preflight, /is a replica/, /leader/)
  refuses({ mayCreate: false }, exitCodes.denied, /admin may not create/, /ALTER ROLE "admin" CREATEDB/)
  refuses({ owner: 'other' }, exitCodes.conflict, /belongs to other, not to n8n_dev/, /OWNER TO "n8n_dev"/)
  refuses(
    { promised: 45 },
    exitCodes.preflight,
    /it needs 36, other roles were promised 45, 20 stay free, max_connections is 100/,
    /max_connections/,
  )
})

const nothing = { changes: [], statements: [], handover: [] }

test('a database another installation has claimed is refused; an unclaimed one of ours is claimed, once', () => {
  const other = claimOf('decaf', 'dev/12_n8n')
  refuses(
    { owner: 'n8n_dev', claim: other },
    exitCodes.conflict,
    /another installation's[\s\S]*decaf[\s\S]*c0ffee/,
    /IS ''/,
  )
  const mine = { owner: 'n8n_dev', roleLimit: 37 }
  assert.deepEqual(plan(mine, true).statements, [`COMMENT ON DATABASE "n8n_dev" IS '${claim}'`])
  assert.match(plan(mine, true).changes[0]?.fields?.[0] ?? '', /claim/)
  assert.deepEqual(plan({ ...mine, claim }, true), nothing)
})

test('an operator’s own comment stays below the claim, and comes back when the claim is taken away', () => {
  const words = "keep: billing's data\nkeybuzz is not first here"
  const { changes, statements } = plan({ owner: 'n8n_dev', roleLimit: 37, words }, true)
  assert.deepEqual(statements, [
    `COMMENT ON DATABASE "n8n_dev" IS '${claim}\nkeep: billing''s data\nkeybuzz is not first here'`,
  ])
  assert.match(changes[0]?.fields?.join('\n') ?? '', /its comment stays/)
  assert.deepEqual(readComment(`${claim}\n${words}`), { claim, words })
  assert.deepEqual(readComment(words), { claim: undefined, words })
  assert.deepEqual(readComment(null), { claim: undefined, words: '' })
  const other = claimOf('decaf', 'dev/12_n8n')
  refuses({ owner: 'n8n_dev', claim: other, words }, exitCodes.conflict, /decaf/, /billing''s data/)
})

test('a budget that fits to the last connection is enough', () => {
  requireUsable('here', 'admin', { ...facts, promised: 44 }, database, claim)
})

const plan = (seen: Partial<Facts>, fits: boolean) =>
  planDatabase(database, { ...facts, ...seen }, fits, claim)

test('a new database: role, database, and nobody else may connect; the clear password is in no statement', () => {
  const { changes, statements, handover } = plan({}, false)
  assert.deepEqual(
    changes.map(({ sign, what }) => `${sign} ${what}`),
    ['+ PostgreSQL role n8n_dev', '+ PostgreSQL database n8n_dev'],
  )
  // One more than it needs: the kit logs in as that role too.
  assert.deepEqual(changes[0]?.fields, ['connection limit   37'])
  assert.match(
    statements[0] ?? '',
    /^CREATE ROLE "n8n_dev" LOGIN NOSUPERUSER CONNECTION LIMIT 37 PASSWORD 'SCRAM-SHA-256\$4096:[^']+'$/,
  )
  assert.deepEqual(statements.slice(1), [
    `CREATE DATABASE "n8n_dev" ENCODING 'UTF8' TEMPLATE template0 ALLOW_CONNECTIONS false`,
    'REVOKE CONNECT ON DATABASE "n8n_dev" FROM PUBLIC',
    `COMMENT ON DATABASE "n8n_dev" IS '${claim}'`,
    'ALTER DATABASE "n8n_dev" WITH ALLOW_CONNECTIONS true',
  ])
  assert.deepEqual(handover, ['ALTER DATABASE "n8n_dev" OWNER TO "n8n_dev"'])
  assert.ok(!statements.join().includes('quoted'))
})

test('a second run plans nothing', () => {
  assert.deepEqual(plan({ owner: 'n8n_dev', roleLimit: 37, claim }, true), nothing)
})

test('a run that was killed anywhere between CREATE DATABASE and its handover goes on from there', () => {
  const begun = { owner: 'admin', roleLimit: 37, takesConnections: false, publicRights: ['CONNECT'] }
  requireUsable('here', 'admin', { ...facts, ...begun }, database, claim)
  assert.deepEqual(plan(begun, true).changes[0]?.fields, [
    `claim   (none) -> ${claim}`,
    'CONNECT of every role   granted -> revoked',
    'connections   refused -> accepted',
  ])
  assert.deepEqual(plan(begun, true).statements, [
    'REVOKE CONNECT ON DATABASE "n8n_dev" FROM PUBLIC',
    `COMMENT ON DATABASE "n8n_dev" IS '${claim}'`,
    'ALTER DATABASE "n8n_dev" WITH ALLOW_CONNECTIONS true',
  ])
  const closed = { owner: 'admin', roleLimit: 37, claim }
  requireUsable('here', 'admin', { ...facts, ...closed }, database, claim)
  assert.deepEqual(plan(closed, true).statements, [])
  // A write that changes nothing would be done again by every next run.
  assert.deepEqual(plan(closed, true).changes, [])
  assert.deepEqual(plan(closed, true).handover, ['ALTER DATABASE "n8n_dev" OWNER TO "n8n_dev"'])
  // One that anybody may work in, or that has words of an operator, is not half made: it is somebody's.
  refuses({ owner: 'admin' }, exitCodes.conflict, /belongs to admin/, /ALTER DATABASE/)
  refuses({ ...begun, words: 'ours' }, exitCodes.conflict, /belongs to admin/, /ALTER DATABASE/)
})

test('a database that every role may connect to is closed, and the plan says so', () => {
  const { changes, statements } = plan(
    { owner: 'n8n_dev', roleLimit: 37, claim, publicRights: ['CONNECT'] },
    true,
  )
  assert.deepEqual(changes[0]?.fields, ['CONNECT of every role   granted -> revoked'])
  assert.deepEqual(statements, ['REVOKE CONNECT ON DATABASE "n8n_dev" FROM PUBLIC'])
})

test('attributes an application has no use for are taken away, each shown in the plan', () => {
  const seen = { owner: 'n8n_dev', roleLimit: 37, claim, roleAttributes: ['SUPERUSER', 'BYPASSRLS'] }
  const { changes, statements } = plan(seen, true)
  assert.deepEqual(changes[0]?.fields, ['SUPERUSER -> NOSUPERUSER', 'BYPASSRLS -> NOBYPASSRLS'])
  assert.deepEqual(statements, ['ALTER ROLE "n8n_dev" NOSUPERUSER NOBYPASSRLS'])
})

test('rights of another role are refused, with the statement that takes them away: exit 5', () => {
  assert.throws(
    () =>
      requireNoMembership('PostgreSQL', { ...facts, memberships: ['pg_execute_server_program'] }, 'n8n_dev'),
    (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.conflict)
      assert.match(thrown.hint ?? '', /REVOKE "pg_execute_server_program" FROM "n8n_dev";$/)
      return true
    },
  )
  requireNoMembership('PostgreSQL', facts, 'n8n_dev')
})

// Whatever lies in an application's database is its own: a view, an operator or a cast there would run with the
// rights of who asks.
test('the superuser logs in to the database postgres, and to an application’s own before it is handed over; with search_path pg_catalog', () => {
  const root = join(import.meta.dirname, '../../..')
  const sources = ['lib', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.mts'))
      .map((file) => [`${folder}/${file}`, readFileSync(join(root, folder, file), 'utf8')] as const),
  )
  const finding = (words: RegExp) =>
    sources.flatMap(([file, text]) => [...text.matchAll(words)].map(([found]) => `${file}: ${found}`))
  assert.deepEqual(finding(/(\.|\[['"])POSTGRES_(SUPERUSER|PASSWORD)\b/g), [
    "lib/backends/postgres.mts: ['POSTGRES_SUPERUSER",
    "lib/backends/postgres.mts: ['POSTGRES_PASSWORD",
  ])
  assert.equal(finding(/^ +const superuser = \{\n +onlyCatalog: true,/gm).length, 1)
  assert.deepEqual(finding(/\bonlyCatalog: (?!true)\w+/g), [])
  assert.deepEqual(finding(/\{[^{}]*\.\.\.superuser[^{}]*\}/g), [
    "lib/backends/postgres.mts: { host, port, ...superuser, database: 'postgres' }",
    'lib/backends/postgres.mts: { host, port, ...superuser, database: name }',
  ])
})

test('only what differs is changed: password, connection limit', () => {
  const password = plan({ owner: 'n8n_dev', roleLimit: 37, claim }, false)
  assert.deepEqual(password.changes, [
    { sign: '~', what: 'PostgreSQL role n8n_dev', fields: ['password   changed (not shown)'] },
  ])
  assert.equal(password.statements.length, 1)
  const limit = plan({ owner: 'n8n_dev', roleLimit: -1, claim }, true)
  assert.deepEqual(limit.changes[0]?.fields, ['connection limit   -1 -> 37'])
  assert.deepEqual(limit.statements, ['ALTER ROLE "n8n_dev" CONNECTION LIMIT 37'])
})

test('a run that was killed between role and database goes on from there', () => {
  const { changes, statements } = plan({ roleLimit: 37 }, true)
  assert.deepEqual(
    changes.map(({ what }) => what),
    ['PostgreSQL database n8n_dev'],
  )
  assert.equal(statements.length, 4)
})

test('a user that is no superuser joins the role first, or it could not give the database away', () => {
  assert.equal(plan({ superuser: false }, false).handover[0], 'GRANT "n8n_dev" TO CURRENT_USER')
})

test('names are quoted', () => {
  const odd = { ...database, name: 'a"b', owner: `o"; DROP ROLE x; --` }
  const { statements } = planDatabase(odd, facts, false, claim)
  assert.match(statements[0] ?? '', /^CREATE ROLE "o""; DROP ROLE x; --" LOGIN/)
  assert.match(statements[1] ?? '', /^CREATE DATABASE "a""b" ENCODING/)
})

// RFC 7677, section 3: the example's password and salt, and the server's signature over its exchange.
test('a SCRAM verifier is the one of RFC 7677', () => {
  const [, , keys = ''] = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')).split(
    '$',
  )
  const [stored = '', server = ''] = keys.split(':')
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
  const exchange = [
    'n=user,r=rOprNGfwEbeRWgbNEkqO',
    `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    `c=biws,r=${nonce}`,
  ].join(',')
  const hmac = (key: Buffer) => createHmac('sha256', key).update(exchange).digest()
  assert.equal(
    hmac(Buffer.from(server, 'base64')).toString('base64'),
    '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  )
  // The client's proof, taken back, gives its key, and the hash of that is what the server stores.
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64')
  const mask = hmac(Buffer.from(stored, 'base64'))
  const clientKey = proof.map((byte, at) => byte ^ (mask[at] ?? 0))
  assert.equal(createHash('sha256').update(clientKey).digest('base64'), stored)
})

test('passwords that look alike to SASLprep have one verifier; others have their own', () => {
  const salt = Buffer.alloc(16)
  const verifier = (password: string) => scramVerifier(password, salt)
  assert.equal(verifier('ﬁne\u00A0pass\u00ADword'), verifier('fine password'))
  assert.equal(verifier('e\u0301t\u00E9'), verifier('\u00E9te\u0301'))
  assert.notEqual(verifier('fine password'), verifier('fine  password'))
  assert.notEqual(scramVerifier('fine password'), scramVerifier('fine password'))
})

const message = (type: string, ...parts: (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}
const short = (...numbers: number[]): Buffer =>
  Buffer.from(numbers.flatMap((number) => [(number >> 8) & 255, number & 255]))
const long = (...numbers: number[]): Buffer => Buffer.concat(numbers.map((n) => short(n >>> 16, n & 0xffff)))

const error = (code: string, text: string, routine = 'auth_failed'): Buffer =>
  message('E', `SERROR\0VFATAL\0C${code}\0M${text}\0R${routine}\0\0`)
const welcome = Buffer.concat([message('R', long(0)), message('Z', 'I')])
const int4 = 23
/** One row with one whole number. */
const row = (value: string): Buffer =>
  Buffer.concat([
    message('T', short(1), 'version\0', long(0), short(0), long(int4), short(4), long(-1), short(0)),
    message('D', short(1), long(value.length), value),
    message('C', 'SELECT 1\0'),
    message('Z', 'I'),
  ])

const closing: (() => void)[] = []
after(() => closing.forEach((close) => close()))

/** A stand-in: its answer to the start of a connection, then to each question. */
async function serve(start: Buffer, answer: (socket: Socket) => void = () => {}) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    let started = false
    socket.on('error', () => {})
    socket.on('data', (data) => {
      if (started && data[0] === 'Q'.charCodeAt(0)) answer(socket)
      if (!started) socket.write(start)
      started = true
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.close()
    sockets.forEach((socket) => socket.destroy())
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

function connectTo(port: number) {
  const settings = {
    ENV: 'dev',
    POSTGRES_HOST: '127.0.0.1',
    POSTGRES_PORT: port,
    POSTGRES_SUPERUSER: 'admin',
    POSTGRES_PASSWORD: sensitive('a secret password'),
  }
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  return createPostgres(settings, writes, { warn: () => {}, ok: () => {}, claim: 'keybuzz test' })
}

const versionAt = async (port: number): Promise<number> => {
  const postgres = connectTo(port)
  try {
    return await postgres.majorVersion()
  } finally {
    await postgres.close()
  }
}

for (const [what, start, exitCode, text, hint] of [
  [
    'a wrong password',
    error('28P01', 'no'),
    exitCodes.denied,
    /refuses the password of admin/,
    /POSTGRES_PASS/,
  ],
  ['an address that is not let in', error('28000', 'no entry'), exitCodes.denied, /let admin in/, /pg_hba/],
  ['no connection left', error('53300', 'too many'), exitCodes.unreachable, /no connection/, /max_conn/],
  [
    'PgBouncer',
    error('08P01', 'unsupported startup parameter in options: search_path'),
    exitCodes.preflight,
    /is PgBouncer or another pooler/,
    /POSTGRES_HOST and POSTGRES_PORT must lead to the leader itself/,
  ],
  [
    'a server that starts',
    error('57P03', 'starting up'),
    exitCodes.unreachable,
    /reached: starting/,
    /POSTGRES_H/,
  ],
] as const) {
  test(`${what} is told apart, and the password is in no message`, async () => {
    const { port } = await serve(start)
    await assert.rejects(versionAt(port), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCode)
      assert.match(thrown.message, text)
      assert.match(thrown.hint ?? '', hint)
      assert.ok(!JSON.stringify([thrown.message, thrown.details, thrown.hint]).includes('a secret'))
      return true
    })
  })
}

test('nothing listens: cannot be reached', async () => {
  const { port } = await serve(welcome)
  closing.pop()?.()
  await assert.rejects(versionAt(port), { exitCode: exitCodes.unreachable, message: /ECONNREFUSED/ })
})

test('closing waits for a login that is still going on, and its failure is not the close’s', async () => {
  for (const start of [welcome, error('57P03', 'starting up')]) {
    const { port, sockets } = await serve(start)
    const postgres = connectTo(port)
    const asked = postgres.majorVersion().catch((thrown: unknown) => thrown)
    await postgres.close()
    assert.ok((await asked) instanceof KitError)
    assert.equal(sockets.length, 1)
  }
})

test('a connection that was cut while it was quiet is opened anew', async () => {
  const { port, sockets } = await serve(welcome, (socket) => void socket.write(row('17')))
  const postgres = connectTo(port)
  assert.equal(await postgres.majorVersion(), 17)
  sockets[0]?.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(await postgres.majorVersion(), 17)
  assert.equal(sockets.length, 2)
  await postgres.close()
})

test('a server that goes away under a question is unreachable, one that refuses it is not', async () => {
  const gone = await serve(welcome, (socket) => void socket.destroy())
  await assert.rejects(versionAt(gone.port), { exitCode: exitCodes.unreachable, message: /went away/ })
  const refusing = await serve(
    welcome,
    (socket) => void socket.write(Buffer.concat([error('42501', 'permission denied'), message('Z', 'I')])),
  )
  await assert.rejects(versionAt(refusing.port), { exitCode: exitCodes.denied, message: /does not allow it/ })
})

test('a role somebody works with is not taken over; one a killed run left is', () => {
  const judge = (seen: Partial<Facts>, fits: boolean) => () =>
    requireOurRole('PostgreSQL', { ...facts, roleLimit: 37, ...seen }, 'n8n_dev', fits)
  assert.throws(judge({ roleInUse: true }, false), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    assert.match(thrown.message, /role n8n_dev belongs to another application/)
    return true
  })
  assert.doesNotThrow(judge({ roleInUse: false }, false))
  assert.doesNotThrow(judge({ roleInUse: true }, true))
  assert.doesNotThrow(judge({ roleInUse: true, owner: 'n8n_dev' }, false))
})
