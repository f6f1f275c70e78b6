import { log, type Reporter } from '../base/log.mts'
import { claimOf } from './postgres-facts.mts'
import { createPostgres, type Postgres } from './postgres.mts'
import { createRabbitmq, type Rabbitmq } from './rabbitmq.mts'
import { createRedis, type Redis } from './redis.mts'
import { createS3, type S3 } from './s3.mts'
import { tlsBackends, tlsOf, type TlsBackend } from '../settings/backend-tls.mts'
import { shown, type Settings } from '../settings/settings.mts'
import type { Writes } from '../base/writes.mts'

/** The services outside the cluster; each login is made at first use. */
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
  /** Prints each warning once and keeps it in `warnings`; prints `ok` lines unless the run is planning. */
  readonly reporter: Reporter
  /**
   * The backends of these settings. Warns of each that is used without TLS. No connection is made yet.
   * @param inClear warnings of what else the module sends unencrypted
   */
  open(settings: Settings, inClear?: readonly Warning[]): Backends
  /** Closes the connections of all backends that were opened. */
  close(): Promise<void>
}

/** The owner written into databases: two clusters, environments or modules must not share one. */
export interface Claimant {
  /** The cluster's CA hash. */
  readonly cluster: string
  /** `staging/12_n8n` */
  readonly owner: string
}

/** The backends of one run. @param claimant the owner that is written into its databases */
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
    open(settings, inClear = []) {
      warnOfClear(settings, reporter)
      for (const { text, fix } of inClear) reporter.warn(text, fix)
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

/** Warns of each backend without TLS, in every report as long as its TLS setting is off. */
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
