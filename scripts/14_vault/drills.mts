import { randomBytes } from 'node:crypto'
import { unlessInterrupted, wordsOf } from '../../lib/base/errors.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import type { Drill } from '../../lib/checks/drills.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import type { Pod } from '../../lib/kube/types.mts'
import { readAgentLog } from './agent-log.mts'
import { isWaitingForAgent } from './checks-injection.mts'
import { intervalSeconds } from './check-pod.mts'
import { refused as refusedBy } from '../../lib/backends/vault.mts'
import type { vault } from './module.mts'
import { checkNamespace, injectorName, injectorNamespace } from './names.mts'
import { checkPath } from './roles.mts'
import { hashOf } from '../../lib/kube/rollout/injected-files.mts'
import { asCheck, hashInPod, readyPod } from './session.mts'
import { addedTo, isWithoutInjector, liveCheckPod, podWithoutVault } from './trial.mts'
import type { VaultSettings } from './settings.mts'

type VaultDrill = Drill<VaultSettings>

/** A trial pod that requests injection in the namespace of the checks. */
const asking = { namespace: checkNamespace, asks: true }

/** Milliseconds until a new leader has made a certificate and the API server has its CA. */
const newLeader = 40_000

/** The drill that deletes the injector's pods. @param milliseconds until a pod must be injected again */
export const lostWithin = (milliseconds: number): VaultDrill => ({
  id: 'vault.lost',
  title: 'Injection works again after both pods of the injector were lost',
  fix: 'kubectl -n vault-injector logs -l app.kubernetes.io/name=vault-injector; then checks vault.leader and vault.webhook',
  async run(tools) {
    await tools.breaking.losePods(injectorNamespace, [injectorName])
    const one = await liveCheckPod(tools.kube)
    const started = performance.now()
    const last = await pollUntil(
      () => addedTo(tools.kube, one, asking).then((names) => names.join(' and '), unlessInterrupted(wordsOf)),
      { until: (text) => text.startsWith('vault-agent'), milliseconds, every: 2000 },
    )
    return last.startsWith('vault-agent')
      ? passed(`${last} added, ${Math.round((performance.now() - started) / 1000)} s after they were ready`)
      : failed(shortened(last, 400))
  },
})

/** The drill that scales the injector to 0. @param milliseconds until a pod that requests injection must be refused */
export const downWithin = (milliseconds: number): VaultDrill => ({
  id: 'vault.down',
  title: 'Without an injector, pods that ask are refused, and no other pod is',
  fix: 'the webhook: failurePolicy must be Fail, with matchConditions; run 14_vault_01_deploy again',
  async run(tools) {
    const one = await liveCheckPod(tools.kube)
    await tools.breaking.scaleDown(injectorNamespace, injectorName)
    try {
      const isRefused = (thrown: unknown) => {
        if (isWithoutInjector(thrown)) return true
        throw thrown
      }
      const refused = await pollUntil(() => addedTo(tools.kube, one, asking).then(() => false, isRefused), {
        until: (yes) => yes,
        milliseconds,
        every: 1000,
      })
      if (!refused) return failed('a pod that asks for secrets would start without them')
      await addedTo(tools.kube, one, { namespace: checkNamespace, asks: false })
      return passed('refused with the annotation, made without it')
    } finally {
      await tools.breaking.restore(injectorNamespace, injectorName)
    }
  },
})

/** The drill that changes the value of the checks in Vault. @param seconds until the file must have the new one */
export const rotationWithin = (seconds: number): VaultDrill => ({
  id: 'vault.rotation',
  title: 'A new value in Vault reaches the file of a running pod',
  fix: 'kubectl -n vault-check logs deployment/vault-check -c vault-agent',
  async run(tools) {
    const client = await asCheck(tools)
    const pod = await readyPod(tools)
    const next = sensitive(randomBytes(18).toString('hex'))
    const reply = await client.ask('POST', checkPath(tools.settings), { data: { value: next.reveal() } })
    if (reply.status !== 200) throw refusedBy(client, 'to write a new value of the checks', reply)
    const started = performance.now()
    const isThere = await pollUntil(async () => (await hashInPod(tools, pod)) === hashOf(next), {
      until: (there) => there,
      milliseconds: seconds * 1000,
      every: 1500,
    })
    return isThere
      ? passed(`after ${Math.round((performance.now() - started) / 1000)} s, in the same pod`)
      : failed(`not after ${seconds} s`)
  },
})

/** The drill of a pod that starts while Vault is away. @param seconds until its agent must have said so */
export const awayWithin = (seconds: number): VaultDrill => ({
  id: 'vault.away',
  title: 'While Vault is away a new pod waits, its agent says why, and the running pod keeps its file',
  fix: 'kubectl -n vault-check get pods: the pod of the drill must wait in Init:0/1; then its log, kubectl -n vault-check logs keybuzz-drill -c vault-agent-init',
  async run(tools) {
    const running = await readyPod(tools)
    const before = await hashInPod(tools, running)
    const trial = podWithoutVault(await liveCheckPod(tools.kube))
    const { name = '', namespace } = trial.metadata ?? {}
    return tools.breaking.withPod(trial, async () => {
      const waits = async (): Promise<string> => {
        const live = await tools.kube.get('pods', name, namespace)
        if (live === undefined || !isWaitingForAgent(live as unknown as Pod)) return ''
        const { line = '', known } = await readAgentLog(tools, live)
        return known === undefined ? '' : line
      }
      const line = await pollUntil(waits, {
        until: (text) => text !== '',
        milliseconds: seconds * 1000,
        every: 2000,
      })
      if (line === '') return failed(`no pod waits with a known line in its agent's log after ${seconds} s`)
      return (await hashInPod(tools, running)) === before
        ? passed(shortened(line, 200))
        : failed('the running pod has another file')
    })
  },
})

export const drills: DrillsOf<typeof vault> = [
  rotationWithin(intervalSeconds + 10),
  lostWithin(newLeader),
  downWithin(10_000),
  awayWithin(60),
]
