import { exitCodes, KitError, isInterruption } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { pollUntil } from '../base/poll.mts'
import { written } from '../base/written.mts'
import { requireInjector } from '../backends/vault-injector.mts'
import { requireKept, type Kept } from '../backends/vault-keeping.mts'
import { differenceOf, logInAs, readStored } from '../backends/vault-values.mts'
import { settlingMs } from '../kube/manifests/delivery.mts'
import { compareFiles } from '../kube/rollout/injected-files.mts'
import { usesVault } from '../settings/platform-vault.mts'
import type { OwnSecrets } from './context.mts'
import { keptOf } from './kept-secrets.mts'
import { staysOn } from '../kube/pods.mts'
import { secretsRead } from '../kube/rollout/secrets-read.mts'
import { namesOf } from '../base/names.mts'
import type { LiveObject, PodSpec } from '../kube/types.mts'
import type { Module } from './module.mts'
import { dropLabel, isInVault, leaveVault, requireSameAsRan } from './out-of-vault.mts'
import type { Session } from './session.mts'

// The way of a module's secret values from Secrets to Vault, and that they are there.

/** The secrets of one step. */
export const createOwnSecrets = <M extends Module>(session: Session<M>): OwnSecrets => ({
  async require() {
    const kept = keptOf(session)
    if (usesVault(session.inputs.current()) && kept !== undefined) return toVault(session, kept)
    if (await isInVault(session)) await requireSameAsRan(session, kept)
  },
})

/**
 * True for an object that the end of its step does not delete, but finishSecrets: while pods of another step read it, or
 * nothing has proven that they need it no more.
 */
export const isHeldBack = (module: Module, { kind }: Pick<LiveObject, 'kind'>): boolean =>
  module.secrets !== undefined && (kind === 'Secret' || kind === 'ServiceAccount')

/**
 * The last act of a run that moved a module's values: with Vault, deletes the Secrets that are not declared any more, only
 * after the values were proven to be equal in Vault, in our settings and in every running pod. On the way back, takes
 * role, policy and service account away, then the Namespace's label for injection.
 * @param steps ids of the steps that were run: `01_deploy`
 * @param patience milliseconds for which the files of pods may differ
 * @throws KitError exit 3 or 5 to 9, see requireProven; what the gate throws (Writes.make)
 */
export async function finishSecrets<M extends Module>(
  session: Session<M>,
  steps: readonly string[],
  patience = settlingMs,
): Promise<void> {
  const { module, inputs, writes } = session
  if (module.secrets === undefined) return
  const { kube } = session.requireOpened()
  const left = (await Promise.all(steps.map((id) => kube.unwanted(id)))).flat()
  const going = left.filter((live) => isHeldBack(module, live))
  if (going.length === 0) return
  const kept = keptOf(session)
  const reading = await stillRead(session, going)
  if (reading !== undefined)
    return log.warn(`${reading}: what it reads stays`, 'run the whole module, which gives all pods the same')
  if (!writes.planning && kept !== undefined) {
    if (usesVault(inputs.current())) await requireProven(session, kept, patience)
    else if (await isInVault(session)) await leaveVault(session, kept)
  }
  for (const id of steps) await kube.prune(id, (live) => isHeldBack(module, live))
  const isLeaving = !usesVault(inputs.current()) && going.some(({ kind }) => kind === 'ServiceAccount')
  if (isLeaving) await dropLabel(session)
}

/** A pod that still reads one of these Secrets, or logs in as one of these service accounts; undefined for none. */
async function stillRead<M extends Module>(
  session: Session<M>,
  going: readonly LiveObject[],
): Promise<string | undefined> {
  if (session.writes.planning) return undefined
  const { reader } = session.requireOpened().kube
  const names = (kind: string) =>
    going.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name)
  const [secrets, accounts] = [names('Secret'), names('ServiceAccount')]
  const pods = await reader.list('pods', { namespace: namesOf(session.module).namespace(session.env) })
  // With Secrets a pod may name one that is no longer declared: of the operator's own file, which was emptied.
  const which = usesVault(session.inputs.current()) ? 'all' : 'needed'
  const found = pods.filter(staysOn).flatMap((pod) => {
    const { serviceAccountName = '' } = (pod['spec'] ?? {}) as PodSpec
    const read = [
      ...secretsRead(pod, which).filter((name) => secrets.includes(name)),
      ...accounts.filter((name) => name === serviceAccountName),
    ]
    return read.length === 0 ? [] : [`pod ${pod.metadata.name} still reads ${read.join(', ')}`]
  })
  return found[0]
}

/** @throws KitError, see requireInjector and requireKept; under --plan a missing injector is noted */
async function toVault<M extends Module>(session: Session<M>, kept: Kept): Promise<void> {
  const { writes, answers } = session
  const { reader } = session.requireOpened().kube
  try {
    await requireInjector(reader, kept.settings)
  } catch (thrown) {
    // An earlier module of the same plan may install it.
    if (!writes.planning || !(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
    writes.note({ sign: '!', what: `${thrown.message}: first ${thrown.hint ?? ''}` })
  }
  await requireKept(kept, { kube: reader, writes, answers })
}

/**
 * Requires that the values are equal in Vault, in our settings and in the files of every running pod. Only then the
 * Secrets of the module may go.
 * @throws KitError exit 9 when a pod has other files; exit 5 when Vault has other values; exit 3 or 5 to 9 from kubectl;
 *   exit 3, 6, 7 or 8, see logInAs and readStored; exit 130 or 143 on a signal
 */
async function requireProven<M extends Module>(
  session: Session<M>,
  { settings, place, values }: Kept,
  patience: number,
): Promise<void> {
  const { env } = session
  const { reader } = session.requireOpened().kube
  const started = performance.now()
  const found = await pollUntil(() => compareFiles(reader, place.namespace, values), {
    until: ({ pods, problems }) => pods > 0 && problems.length === 0,
    milliseconds: patience,
    every: 3000,
    waiting: ({ problems }) => `files of Vault in the pods: ${problems[0] ?? 'no pod is ready'}`,
  })
  const stay = `The Secrets of the module stay as they are. ${written()}`
  if (found.pods === 0 || found.problems.length > 0)
    throw new KitError(`pods of ${place.namespace} do not have the values of credentials/${env} from Vault`, {
      exitCode: exitCodes.rolloutFailed,
      details: [...(found.problems.length === 0 ? ['no pod is ready'] : found.problems), stay],
      hint: `kubectl --namespace ${place.namespace} get pods   shows which; the log of their container vault-agent says why; then run the same command again`,
    })
  const login = await logInAs(settings, reader, place)
  const difference =
    login === undefined || 'refused' in login
      ? undefined
      : differenceOf(await readStored(login.vault, place.path), values)
  const wrong = difference === undefined ? [] : [...difference.missing, ...difference.differing]
  if (difference === undefined || wrong.length > 0)
    throw new KitError(`Vault does not show the values of ${place.namespace} as they are in the pods`, {
      exitCode: exitCodes.conflict,
      details: [
        difference === undefined ? 'it refuses their login' : `${place.path}: ${wrong.join(', ')}`,
        stay,
      ],
      hint: 'somebody else writes there; run the same command again',
    })
  log.ok(
    `${Object.keys(values).length} values are equal in Vault, in credentials/${env} and in ${found.pods} pods`,
    started,
  )
}
