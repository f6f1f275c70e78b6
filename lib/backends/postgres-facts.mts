import type { Extension } from './postgres-extensions.mts'
import { announcedProcess, type Connection } from './postgres-login.mts'
import type { Sensitive } from '../base/sensitive.mts'

// The facts about a server, a role and a database that are read before any change.

/** A database an application owns. */
export interface Database {
  readonly name: string
  readonly owner: string
  readonly password: Sensitive
  /** Connections the application opens at most; becomes the role's CONNECTION LIMIT. */
  readonly connections: number
  /** First major version of PostgreSQL the application supports; an older one is a warning. */
  readonly supportedFrom: number
  /** Extensions its schema needs; the superuser creates them before the handover, the owner never becomes one. */
  readonly extensions?: readonly Extension[]
}

/** The database connections of one kind of pod. */
export interface Connecting {
  /** Maximum number of pods. */
  readonly pods: number
  /** Maximum connections per pod. */
  readonly pool: number
  /** Additional pods during a rolling update, which starts a new pod before an old one ends. */
  readonly surge: number
}

/** Maximum connections of an application, including those of pods that are being replaced. */
export const connectionsOf = (kinds: readonly Connecting[]): number =>
  kinds.reduce((sum, { pods, pool, surge }) => sum + (pods + surge) * pool, 0)

/** Rights on a database that were granted to one role by name: `{ role: 'exporter', rights: 'CONNECT' }`. */
export interface Grant {
  readonly role: string
  /** As GRANT spells them: `CONNECT, TEMPORARY`. */
  readonly rights: string
}

/** Facts about the server, the login role, and the database in question. */
export interface Facts {
  readonly version: number
  readonly replica: boolean
  /** Another process answers queries than the login announced: a pooler is in between, and announces numbers of its own. */
  readonly pooled: boolean
  readonly most: number
  readonly mayCreate: boolean
  readonly superuser: boolean
  readonly owner: string | undefined
  /** ALLOW_CONNECTIONS. False while the kit creates the database, until CONNECT is revoked from PUBLIC. */
  readonly takesConnections: boolean
  /** Rights of PUBLIC on the database, of CONNECT and CREATE. */
  readonly publicRights: readonly string[]
  /** Rights on the database that were granted to another role by name. */
  readonly grants: readonly Grant[]
  readonly roleLimit: number | undefined
  /** What the role may beyond its own database: SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS. */
  readonly roleAttributes: readonly string[]
  /** The role has `NOLOGIN`. */
  readonly loginForbidden: boolean
  /** VALID UNTIL of the role's password when that is past; else undefined. */
  readonly expired: string | undefined
  /** The roles that the role is a member of. */
  readonly memberships: readonly string[]
  /** The members of the role, without superusers and the kit's own login. */
  readonly members: readonly string[]
  /** The role owns or has rights on an object in one of the server's databases. */
  readonly roleInUse: boolean
  /** Sum of CONNECTION LIMIT of all other login roles that have one. */
  readonly promised: number
  /** The owner that the kit wrote into the first line of the database's comment, see `claimOf`. */
  readonly claim: string | undefined
  /** An operator's own text in that comment: it is kept there, below the claim. */
  readonly words: string
}

/** Begins the first line of a comment that has a claim; all other text in a comment is an operator's own. */
const claimWord = 'keybuzz '

/** The claim of a module. @param cluster the cluster's CA hash in hex @param owner `staging/12_n8n` */
export const claimOf = (cluster: string, owner: string): string =>
  `${claimWord}${cluster.slice(0, 12)} ${owner}`

/** Separates the claim from an operator's text in the comment on a database. @param comment null for none */
export function readComment(comment: string | null): Pick<Facts, 'claim' | 'words'> {
  const [first = '', ...rest] = (comment ?? '').split('\n')
  return first.startsWith(claimWord)
    ? { claim: first, words: rest.join('\n') }
    : { claim: undefined, words: comment ?? '' }
}

/** The comment of a database with this claim; without a claim, an operator's text alone. */
export const commentOf = (words: string, claim?: string): string =>
  [claim, words].filter((part) => part !== undefined && part !== '').join('\n')

/** Attributes that an application's role must not have, as `ALTER ROLE` spells them, and their columns in pg_roles. */
const attributes = {
  SUPERUSER: 'rolsuper',
  CREATEDB: 'rolcreatedb',
  CREATEROLE: 'rolcreaterole',
  REPLICATION: 'rolreplication',
  BYPASSRLS: 'rolbypassrls',
}
const attributesOfRole = Object.entries(attributes).map(
  ([word, column]) => `case when ${column} then '${word}' end`,
)

/** Reads server, role and database facts in one query. @throws pg's error, which `failure` explains */
export async function readFacts(server: Connection, { name, owner }: Database): Promise<Facts> {
  type Read = Omit<Facts, 'claim' | 'words' | 'pooled'>
  type Row = { [K in keyof Read]: Read[K] | null } & { comment: string | null; pid: number }
  const { rows } = await server.query<Row>(
    `with acl as (select datdba, (aclexplode(coalesce(datacl, acldefault('d', datdba)))).*
                    from pg_database where datname = $1)
     select current_setting('server_version_num')::int / 10000 as version,
            pg_is_in_recovery() as replica,
            pg_backend_pid() as pid,
            current_setting('max_connections')::int as most,
            me.rolsuper or (me.rolcreatedb and me.rolcreaterole) as "mayCreate",
            me.rolsuper as superuser,
            (select pg_get_userbyid(datdba) from pg_database where datname = $1) as owner,
            (select shobj_description(oid, 'pg_database') from pg_database where datname = $1) as comment,
            coalesce((select datallowconn from pg_database where datname = $1), true) as "takesConnections",
            coalesce((select array_agg(privilege_type::text order by privilege_type) from acl
              where grantee = 0 and privilege_type in ('CONNECT', 'CREATE')), '{}') as "publicRights",
            coalesce((select json_agg(one) from (
              select pg_get_userbyid(grantee)::text as role, string_agg(privilege_type, ', ' order by privilege_type) as rights
                from acl where grantee not in (0, datdba, me.oid) and pg_get_userbyid(grantee) <> $2
               group by grantee order by 1) as one), '[]') as grants,
            (select rolconnlimit from pg_roles where rolname = $2) as "roleLimit",
            coalesce((select array_remove(array[${attributesOfRole.join(', ')}], null)
              from pg_roles where rolname = $2), '{}') as "roleAttributes",
            coalesce((select not rolcanlogin from pg_roles where rolname = $2), false) as "loginForbidden",
            (select rolvaliduntil::text from pg_roles where rolname = $2 and rolvaliduntil < now()) as expired,
            coalesce((select array_agg(theirs.rolname::text order by theirs.rolname)
              from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles theirs on theirs.oid = m.member
              where r.rolname = $2 and not theirs.rolsuper and theirs.oid <> me.oid), '{}') as members,
            coalesce((select array_agg(pg_get_userbyid(m.roleid)::text order by m.roleid)
              from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = $2), '{}') as memberships,
            exists (select from pg_shdepend join pg_roles r on r.oid = refobjid
              where refclassid = 'pg_authid'::regclass and rolname = $2) as "roleInUse",
            (select coalesce(sum(rolconnlimit), 0)::int from pg_roles
              where rolcanlogin and rolconnlimit > 0 and rolname <> $2) as promised
       from pg_roles me where me.rolname = current_user`,
    [name, owner],
  )
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL does not list its own user')
  const { comment, owner: found, roleLimit, expired, pid, ...rest } = row
  return {
    ...rest,
    pooled: (announcedProcess(server) ?? pid) !== pid,
    ...readComment(comment),
    owner: found ?? undefined,
    roleLimit: roleLimit ?? undefined,
    expired: expired ?? undefined,
  } as Facts
}
