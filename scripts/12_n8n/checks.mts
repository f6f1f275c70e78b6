import { passed, warning } from '../../lib/checks/checks.mts'
import { evictionCheck, standardChecks } from '../../lib/checks/standard.mts'
import { secretsChecks } from '../../lib/checks/vault-secrets.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { apiKey } from './checks-api.mts'
import { mcp } from './checks-mcp.mts'
import { application } from './checks-pods.mts'
import { login, metricsHidden, owned, publicHealth, push, setupClosed, urls } from './checks-visitor.mts'
import { n8n } from './module.mts'
import type { N8nCheck } from './session.mts'
import { runWebhook } from './webhook.mts'

const webhook: N8nCheck = {
  id: 'n8n.webhook',
  title: 'A webhook with a Code node runs on a worker and its task runner',
  fix: 'it hangs: no worker takes jobs (Redis database and prefix); 500 after 60 s: the runner beside the worker is not connected',
  ask: runWebhook,
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
  ...standardChecks(application),
  publicHealth,
  owned,
  setupClosed,
  login,
  urls,
  webhook,
  mcp,
  push,
  apiKey,
  metricsHidden,
  evictionCheck('n8n'),
  database,
  ...secretsChecks(n8n),
]
