import { pauseFor } from '../../lib/base/poll.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import type { Drill } from '../../lib/checks/drills.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import { finishQuery, startQuery, stateOf, type Started } from './checks-query.mts'
import { connectByStored, withConnection } from './connection.mts'
import type { superset } from './module.mts'
import { deploymentOf, names } from './names.mts'
import { askServed, type Api } from './session.mts'
import type { SupersetSettings } from './settings.mts'

type SupersetDrill = Drill<SupersetSettings>

const key: SupersetDrill = {
  id: 'superset.key',
  title: 'A stored connection can still be read after every pod was lost',
  fix: 'SUPERSET_SECRET_KEY is not the one the connection was stored with: put the original key back, from your backup',
  run: (tools) =>
    withConnection(tools, async (api, connection) => {
      const before = await connectByStored(api, connection)
      if (before !== undefined) return failed(`before the pods were lost: ${before}`)
      const all = (['web', 'worker', 'beat'] as const).map(deploymentOf)
      await tools.breaking.losePods(names.namespace(tools.settings.ENV), all)
      await askServed(tools, '/health')
      const after = await connectByStored(api, connection)
      return after === undefined
        ? passed('it connects by its stored password before and after')
        : failed(`after the pods were lost: ${after}`)
    }),
}

/** Seconds for which a query must stay queued while there is no worker. */
const queuedSeconds = 8

const queue: SupersetDrill = {
  id: 'superset.queue',
  title: 'A query waits while there is no worker, and completes when they are back',
  fix: 'it was lost or taken by another program: check that no other Superset uses this Redis database, and its eviction policy',
  run: (tools) =>
    withConnection(tools, async (api, connection) => {
      const { breaking, settings } = tools
      const [namespace, worker] = [names.namespace(settings.ENV), deploymentOf('worker')]
      try {
        await breaking.scaleDown(namespace, worker)
        const started = await startQuery(api, connection)
        if (typeof started === 'string') return failed(started)
        const early = await statusInTime(api, started)
        if (early !== 'pending') return failed(`without a worker it became ${early}`)
        await breaking.restore(namespace, worker)
        const wrong = await finishQuery(api, started, 180)
        return wrong === undefined
          ? passed(`it waited ${queuedSeconds} s without a worker, then its sum was right`)
          : failed(wrong)
      } finally {
        await breaking.restore(namespace, worker)
      }
    }),
}

/** The status of a query for `queuedSeconds` without a worker: `pending`, or the first other one. */
async function statusInTime(api: Api, started: Started): Promise<string> {
  for (let second = 0; second < queuedSeconds; second += 1) {
    const { status } = await stateOf(api, started)
    if (status !== 'pending') return status
    await pauseFor(1000)
  }
  return 'pending'
}

export const drills: DrillsOf<typeof superset> = [key, queue]
