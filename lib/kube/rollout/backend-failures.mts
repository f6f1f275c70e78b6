import type { KnownFailure } from './failure.mts'

/** The setting and the step named in the hint when an application's last log lines name a backend. */
export interface BackendWords {
  /** The setting that holds the password of the application's database role: `N8N_POSTGRES_PASSWORD`. */
  readonly passwordSetting: string
  /** The program that sets the role's password: `12_n8n_01_deploy`. */
  readonly program: string
  /** Its database, and the role that owns it: `n8n_dev`. */
  readonly database: string
}

/**
 * Known log lines about a database role that does not own the objects in its database. They are in backendFailures too;
 * a module lists them before its own lines when those would match first.
 */
export const ownerFailures = ({ program, database }: BackendWords): readonly KnownFailure[] => [
  {
    line: /permission denied for schema|must be owner of schema/,
    meaning: 'The schema of the database belongs to another role than the application’s own.',
    next: `as superuser: psql --dbname ${database} --command 'ALTER SCHEMA public OWNER TO ${database}'; then install again`,
  },
  {
    line: /must be owner of|permission denied for (table|relation|sequence|view|database)|InsufficientPrivilege|\b42501\b/,
    meaning: 'The application’s role does not own its database or what is in it.',
    next: `run ${program} again: it names what belongs to another role, and the statement that hands it over`,
  },
]

/** A backend's certificate that is refused, as libpq, Python, Ruby and Node write it. */
export const untrusted: KnownFailure = {
  line: /certificate verify failed|does not match host name|self-signed certificate in certificate chain|unable to (verify the first|get local issuer) certificate|not match certificate's altnames/i,
  meaning: 'A backend’s certificate is not signed by the CA that the pods have, or is for another name.',
  next: 'lay the CA that signs it at platform.postgres.ca, platform.redis.ca or platform.rabbitmq.ca, beside platform.env, whose POSTGRES_HOST, REDIS_HOST or RABBITMQ_HOST must be a name it is for; then install again',
}

/**
 * Known log lines about a backend, as the common clients of PostgreSQL and Redis write them. A module lists its own
 * KnownFailures before these.
 */
export const backendFailures = (words: BackendWords): readonly KnownFailure[] => [
  {
    line: /password authentication failed for user/,
    meaning: 'PostgreSQL refuses the password of the application’s role.',
    next: `run ${words.program} again: it sets the role’s password to ${words.passwordSetting}`,
  },
  {
    line: /WRONGPASS|NOAUTH/,
    meaning: 'Redis refuses REDIS_PASSWORD.',
    next: 'correct REDIS_PASSWORD in platform.env, then install again',
  },
  untrusted,
  {
    line: /Lost Redis connection|ECONNREFUSED.*6379|Redis(Client)?::CannotConnectError/,
    meaning: 'Redis could not be reached from the pod.',
    next: 'check REDIS_HOST and REDIS_PORT, and that the cluster’s nodes may reach them',
  },
  {
    line: /PG::ConnectionBad|could not connect to server|connection to server at .* failed|ECONNREFUSED.*5432|There was an error initializing DB|Initial database connection attempt/,
    meaning: 'PostgreSQL could not be reached from the pod.',
    next: 'check POSTGRES_HOST and POSTGRES_PORT, and pg_hba.conf for the addresses of nodes and pods',
  },
  ...ownerFailures(words),
]
