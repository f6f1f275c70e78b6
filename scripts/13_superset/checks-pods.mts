import { unlessInterrupted, wordsOf } from '../../lib/base/errors.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import { componentOf, ofPart } from '../../lib/checks/pods.mts'
import { podsOf } from '../../lib/checks/standard.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { application } from './application.mts'
import { databaseOf } from './backends.mts'
import { configurationFile, configurationFolder, tickSeconds } from './configuration.mts'
import { logOf, podLogs } from './logs.mts'
import { names } from './names.mts'
import type { SupersetCheck, Tools } from './session.mts'

const path = `${configurationFolder}/${configurationFile}`
/** What Superset logs when it has loaded the operator's configuration. */
const readLine = `Loaded your LOCAL configuration at [${path}]`

export const configuration: SupersetCheck = {
  id: 'superset.configuration',
  title: 'Every pod has read the kit’s configuration, and works on the kit’s database',
  fix: 'without it Superset runs on SQLite in its own folder and looks healthy: look for SUPERSET_CONFIG_PATH or PYTHONPATH in the image, then run 13_superset_01_deploy',
  async ask(tools) {
    const logs = await podLogs(tools)
    const wrong: string[] = []
    for (const pod of await podsOf(application, tools)) {
      const { name } = pod.metadata
      const text = logs.get(name) ?? ''
      if (text.includes(readLine)) continue
      const why = isRotated(text, pod) ? await importedFrom(tools, pod) : 'its log does not say so'
      if (why !== undefined) wrong.push(`${name}: ${why}`)
    }
    if (logs.size === 0) return failed('there is no pod')
    if (wrong.length > 0)
      return failed(
        `Superset runs on SQLite in its own folder: the configuration was not loaded (${wrong.join(', ')})`,
      )
    const database = names.database(tools.settings.ENV)
    const revision = await tools.postgres.findText(
      databaseOf(tools.settings),
      'select version_num from alembic_version limit 1',
    )
    return revision === undefined
      ? failed(`database ${database} has no alembic_version: Superset works on another one`)
      : passed(`${logs.size} pods; database ${database} at ${revision}`)
  },
}

/** Milliseconds after a container's start within which it has logged the messages of its start. */
const startMilliseconds = 600_000

/** True when the kubelet has rotated a long log: its first line is then much younger than the container. */
function isRotated(text: string, pod: LiveObject): boolean {
  const { containerStatuses = [] } = pod['status'] as {
    containerStatuses?: { name?: string; state?: { running?: { startedAt?: string } } }[]
  }
  // An agent of Vault may run beside it, and may have been started again since.
  const own = containerStatuses.find(({ name }) => name === componentOf(pod))
  const started = Date.parse(own?.state?.running?.startedAt ?? '')
  const first = Date.parse(text.split(' ', 1)[0] ?? '')
  return first - started > startMilliseconds
}

/** Imports the configuration in a pod. @returns what is wrong; undefined if Python finds it where the kit has put it */
async function importedFrom({ kube }: Tools, pod: LiveObject): Promise<string | undefined> {
  const program = 'import superset_config; print(superset_config.__file__)'
  const said = await kube
    .runIn(pod, ['python', '-c', program], { isRepeatable: true })
    .catch(unlessInterrupted(wordsOf))
  const last = said.trim().split('\n').at(-1) ?? ''
  return last === path ? undefined : shortened(last, 120)
}

/** Seconds in which beat must have sent a task: several ticks. */
const silenceSeconds = 6 * tickSeconds

export const beat: SupersetCheck = {
  id: 'superset.beat',
  title: 'Exactly one beat runs, and it sends',
  fix: 'kubectl -n NAMESPACE logs deployment/superset-beat; two would send every scheduled task twice: delete what is not the kit’s',
  async ask(tools) {
    const pods = ofPart(await podsOf(application, tools), 'beat')
    const [pod] = pods
    if (pod === undefined || pods.length > 1) return failed(`${pods.length} pods of beat`)
    // Only a pod that has just started may not have sent a task yet.
    const { startTime = '' } = pod['status'] as { startTime?: string }
    const age = Date.now() - (Date.parse(startTime) || 0)
    const sent = await pollUntil(
      async () => countSent(await logOf(tools, pod, 'beat', `sinceSeconds=${silenceSeconds}`)),
      {
        until: (count) => count > 0,
        milliseconds: silenceSeconds * 1000 - age,
        every: 2000,
        waiting: () => `beat sends every ${tickSeconds} s: waiting for the first`,
      },
    )
    return sent > 0
      ? passed(`1 pod, ${sent} tasks sent in the last ${silenceSeconds} s`)
      : failed(`its log has no task sent within ${silenceSeconds} s`)
  },
}

const countSent = (text: string): number =>
  text.split('\n').filter((line) => line.includes('Sending due task')).length
