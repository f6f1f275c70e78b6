import { log, type Reporter } from '../base/log.mts'
import { claimOf } from './postgres-facts.mts'
import { createPostgres, type Postgres } from './postgres.mts'
import { createRabbitmq, type Rabbitmq } from './rabbitmq.mts'
import { createRedis, type Redis } from './redis.mts'
import { createS3, type S3 } from './s3.mts'
import { tlsBackends, tlsOf, type TlsBackend } from '../settings/backend-tls.mts'
import { shown, type Settings } from '../settings/settings.mts'
import type { Writes } from '../base/writes.mts'

/** The services outside the cluster, logged in at first use. */
export interface Backends {
  readonly postgres: Postgres
  readonly redis: Redis
  readonly rabbitmq: Rabbitmq
  readonly s3: S3
}

/** A warning of a run, kept in its report. */
export interface Warning {
  readonly text: string
  readonly fix?: string
}

/** Opens backends and closes them all at the end of a run. */
export interface BackendOpener {
  readonly warnings: readonly Warning[]
  /** How whoever looks at the world for a run speaks to the operator. */
  readonly reporter: Reporter
  open(settings: Settings): Backends
  close(): Promise<void>
}

/** What claims databases: two clusters, environments or modules must not share one. */
export interface Claimant {
  /** The cluster's CA hash. */
  readonly cluster: string
  /** `staging/12_n8n` */
  readonly owner: string
}

export function createBackendOpener(writes: Writes, { cluster, owner }: Claimant): BackendOpener {
  const warnings: Warning[] = []
  const opened: Backends[] = []
  const reporter: Reporter = {
    warn(text, fix) {
      if (warnings.some((warning) => warning.text === text)) return
      warnings.push({ text, ...(fix === undefined ? {} : { fix }) })
      log.warn(text, fix)
    },
    ok: (text) => (writes.planning ? undefined : log.ok(text)),
  }
  return {
    warnings,
    reporter,
    open(settings) {
      warnOfClear(settings, reporter)
      const backends = {
        postgres: createPostgres(settings, writes, { ...reporter, claim: claimOf(cluster, owner) }),
        redis: createRedis(settings, writes, { ...reporter, cluster }),
        rabbitmq: createRabbitmq(settings, writes, reporter),
        s3: createS3(settings, writes, reporter),
      }
      opened.push(backends)
      return backends
    },
    async close() {
      await Promise.all(opened.flatMap(({ postgres, redis }) => [postgres.close(), redis.close()]))
    },
  }
}

/** What is not encrypted stays in the report, for as long as it is so. */
function warnOfClear(settings: Settings, { warn }: Reporter): void {
  for (const [backend, title] of Object.entries(tlsBackends) as [TlsBackend, string][]) {
    const host = settings[`${backend}_HOST`]
    if (host === undefined || tlsOf(settings, backend).mode !== 'off') continue
    warn(
      `${title} ${shown(host)}:${shown(settings[`${backend}_PORT`])} is not encrypted: passwords and data pass in clear`,
      `set ${backend}_TLS to verify in platform.env, and lay its CA at platform.${backend.toLowerCase()}.ca beside it`,
    )
  }
}
