import { pollUntil } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import type { LiveObject, Pod } from '../../lib/kube/types.mts'
import { hashOf } from '../../lib/kube/rollout/injected-files.mts'
import { readAgentLog } from './agent-log.mts'
import { agents, secretsFolder } from '../../lib/kube/manifests/injection.mts'
import { checkFile, checkName, checkNamespace, injectorNamespace } from './names.mts'
import {
  asCheck,
  hashInPod,
  labelledNamespaces,
  readValue,
  readyPod,
  type Tools,
  type VaultCheck,
} from './session.mts'
import { added, addedTo, liveCheckPod } from './trial.mts'

export const injects: VaultCheck = {
  id: 'vault.injects',
  title: 'A pod that asks is changed by the injector, and no other pod',
  fix: 'kubectl -n vault-injector logs -l app.kubernetes.io/name=vault-injector: both pods, one of them was asked',
  async ask(tools) {
    const trials = [
      ['with the annotation', checkNamespace, true, added.length],
      ['without the annotation', checkNamespace, false, 0],
      ['in a namespace without the label', injectorNamespace, true, 0],
    ] as const
    const one = await liveCheckPod(tools.kube)
    const problems: string[] = []
    for (const [what, namespace, asks, wanted] of trials) {
      const found = await addedTo(tools.kube, one, { namespace, asks })
      if (found.length !== wanted)
        problems.push(`a pod ${what} gets ${found.length === 0 ? 'nothing' : found.join(' and ')}`)
    }
    return problems.length === 0
      ? passed(`${added.join(' and ')} added on trial, twice nothing`)
      : failed(problems.join('; '))
  },
}

/** Finds tokens where Kubernetes mounts them; an image may have neither folder. */
const findTokens =
  'for folder in /run /var/run; do [ ! -d $folder ] || find $folder/ -name token 2>/dev/null || :; done'

/**
 * The check that a running pod has the value of Vault.
 * @param seconds for which the file may differ from Vault: a changed value reaches it only after `intervalSeconds`
 */
export const valueWithin = (seconds: number): VaultCheck => ({
  id: 'vault.value',
  title: 'A running pod has the value of Vault, byte for byte, and no token of Kubernetes',
  fix: 'kubectl -n vault-check logs deployment/vault-check -c vault-agent: it writes the file',
  async ask(tools) {
    const vault = await asCheck(tools)
    const pod = await readyPod(tools)
    const files = await linesOf(tools, pod, ['ls', '-A', secretsFolder])
    if (files.join(' ') !== checkFile)
      return failed(`${secretsFolder} has ${files.join(' ') || 'no file'}, not ${checkFile}`)
    const isEqual = await pollUntil(
      async () => hashOf(await readValue(vault, tools.settings)) === (await hashInPod(tools, pod)),
      { until: (equal) => equal, milliseconds: seconds * 1000, every: 3000 },
    )
    if (!isEqual) return failed(`the file differs from Vault for ${seconds} s`)
    const tokens = await linesOf(tools, pod, ['sh', '-c', findTokens])
    return tokens.length === 0
      ? passed('SHA-256 of file and value are equal; no token in the container')
      : failed(`the container has a token: ${tokens.join(' ')}`)
  },
})

const linesOf = async ({ kube }: Tools, pod: LiveObject, argv: readonly string[]): Promise<string[]> =>
  (await kube.runIn(pod, argv, { isRepeatable: true })).split('\n').filter((line) => line !== '')

/** Milliseconds for which a pod may wait for Vault before the check fails. */
const longWait = 30_000

export const waiting: VaultCheck = {
  id: 'vault.waiting',
  title: 'No pod waits for Vault',
  fix: 'kubectl -n NAMESPACE logs POD -c vault-agent-init: it tries again for ever, and the pod starts by itself',
  places: () => ({ NAMESPACE: checkNamespace, POD: `deployment/${checkName}` }),
  async ask(tools) {
    const names = await labelledNamespaces(tools)
    const pods = (await Promise.all(names.map((namespace) => tools.kube.list('pods', { namespace })))).flat()
    const stuck = pods.filter((pod) => isStuck(pod as unknown as Pod, Date.now()))
    const [first] = stuck
    if (first === undefined) return passed(`${pods.length} pods`)
    const { namespace = '', name } = first.metadata
    const { line = 'no log yet', known } = await readAgentLog(tools, first)
    const words = `${stuck.length} of ${pods.length} pods; ${namespace}/${name}: ${shortened(line, 240)}`
    return {
      ...failed(words, { NAMESPACE: namespace, POD: name }),
      ...(known === undefined ? {} : { fix: `${known.meaning} ${known.next}` }),
    }
  },
}

const agentOf = ({ status }: Pod) => status?.initContainerStatuses?.find(({ name }) => name === agents.init)

/** True while the agent of a starting pod runs: no container of the application has started. */
export const isWaitingForAgent = (pod: Pod): boolean => agentOf(pod)?.state?.running !== undefined

/** True while the agent of a starting pod runs for long, or ends repeatedly. No event reports either. */
function isStuck(pod: Pod, now: number): boolean {
  const agent = agentOf(pod)
  const since = agent?.state?.running?.startedAt
  if (since !== undefined) return now - new Date(String(since)).getTime() > longWait
  return agent !== undefined && agent.restartCount > 0 && !agent.ready
}
