import { passed, warning } from '../../lib/checks/checks.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { apiKey } from './checks-api.mts'
import { ready, restarts, spread } from './checks-pods.mts'
import { login, metricsHidden, owned, publicHealth, push, setupClosed, urls } from './checks-visitor.mts'
import type { n8n } from './module.mts'
import type { N8nCheck } from './session.mts'
import { runWebhook } from './webhook.mts'

const webhook: N8nCheck = {
  id: 'n8n.webhook',
  title: 'A webhook with a Code node runs on a worker and its task runner',
  fix: 'it hangs: no worker takes jobs (Redis database and prefix); 500 after 60 s: the runner beside the worker is not connected',
  ask: runWebhook,
}

const eviction: N8nCheck = {
  id: 'n8n.eviction',
  title: 'Redis keeps queued jobs',
  fix: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  async ask({ redis }) {
    const policy = await redis.evictionPolicy()
    if (policy === undefined) return warning('the server does not tell its maxmemory-policy')
    return policy === 'noeviction' ? passed(policy) : warning(policy)
  },
}

const database: N8nCheck = {
  id: 'n8n.postgres',
  title: 'n8n supports this PostgreSQL',
  fix: 'plan the move to PostgreSQL 16 or newer; n8n warns at each start until then',
  async ask({ postgres }) {
    const version = await postgres.majorVersion()
    return version >= 16 ? passed(`version ${version}`) : warning(`version ${version}`)
  },
}

export const checks: ChecksOf<typeof n8n> = [
  ready,
  publicHealth,
  owned,
  setupClosed,
  login,
  urls,
  webhook,
  push,
  apiKey,
  metricsHidden,
  spread,
  restarts,
  eviction,
  database,
]
