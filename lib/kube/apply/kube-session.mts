import { changeOf, countLine, createPlanner } from './planner.mts'
import type { Planned } from './diff.mts'
import { conflictLine, conflictsOf, requireNoConflict } from './conflicts.mts'
import { ensureJob } from '../rollout/job.mts'
import { evictPod } from '../evict.mts'
import { keyed } from './keyed.mts'
import { nameOf, type LiveObject, type Manifest } from '../types.mts'
import { createKubeReader } from '../reader.mts'
import type { Kube, KubeOptions, KubeSession } from './kube.mts'
import { ObjectModified } from '../server-errors.mts'
import { log, record } from '../../base/log.mts'
import type { Change } from '../../base/writes.mts'
import { ensureDefinitions } from './definitions.mts'
import { setForeignFields } from './foreign-fields.mts'
import { createOurObjects, owned, ownerOf } from './ownership.mts'
import { acceptedText } from '../deletion-text.mts'
import { deleteObjects } from '../objects.mts'
import { isServing } from '../rollout/progress.mts'
import { pauseDeployments } from './pause.mts'
import { sendChanged, sendStartingReplicas } from './send.mts'
import { sayReady, waitForDeployments } from '../rollout/deployments.mts'
import { workloadOf } from '../workloads.mts'

/** Most comparisons of one batch: controllers and the HPA write to a Deployment several times in a rollout. */
const mostCompared = 6

type SendWhat = [planned: readonly Planned[], live: ReadonlyMap<string, LiveObject>]

/** Compares, sends, waits and deletes for one run of one module. The methods' errors: KubeSession. */
export function createKube(options: KubeOptions): KubeSession {
  const { kubectl, writes, owner, forceConflicts, failures } = options
  const manifests: Manifest[] = []
  const ours = createOurObjects(kubectl, owner, options.objects, options.moreKinds)
  const planner = createPlanner({ kubectl, ours, namespaces: options.namespaces })
  /** Names of the objects this run has sent. */
  const sent = new Set<string>()
  /** Names of strays already warned about. */
  const strays = new Set<string>()
  /** Names of Jobs passed to ensureJob. */
  const jobs = new Set<string>()
  let unchanged = 0
  let foreseen: readonly Change[] = []

  async function applyBatch(batch: readonly Manifest[]): Promise<void> {
    const started = performance.now()
    const { planned, live } = await planner.plan(batch)
    refuseConflicts(planned)
    const changes = planned.flatMap((one) => changeOf(one) ?? [])
    manifests.push(...batch)
    unchanged += planned.length - changes.length
    if (changes.length > 0) {
      await writes.make(changes, async () => {
        planner.invalidate()
        await sendCompared(batch, planned, live)
        await sendStartingReplicas(kubectl, planned, live)
        planner.markSent()
      })
      for (const { what } of changes) sent.add(what)
    }
    if (!writes.planning) log.ok(countLine(planned), started)
  }

  /** Sends a batch. After a change by another client it is compared again: a late manual edit is a conflict too. */
  async function sendCompared(batch: readonly Manifest[], ...first: SendWhat): Promise<void> {
    let [planned, live] = first
    for (let tries = 1; ; tries += 1) {
      try {
        return await sendChanged(kubectl, planned, live)
      } catch (thrown) {
        if (!(thrown instanceof ObjectModified) || tries === mostCompared) throw thrown
        record(`compared again (${tries}): ${thrown.details.join(' ')}`)
        ;({ planned, live } = await planner.planAnew(batch))
        if (!forceConflicts) requireNoConflict(conflictsOf(planned), true)
      }
    }
  }

  function refuseConflicts(planned: readonly Planned[]): void {
    const conflicts = conflictsOf(planned)
    if (writes.planning) for (const one of conflicts) writes.note({ sign: '!', what: conflictLine(one) })
    else if (!forceConflicts) requireNoConflict(conflicts)
  }

  /** The live workload when this run has not sent it and it served when it was read: no wait is needed. */
  async function servingUnchanged(namespace: string, named: string): Promise<LiveObject | undefined> {
    const { kind, name } = workloadOf(named)
    const known = `${kind} ${namespace}/${name}`
    const live = sent.has(known) ? undefined : (await ours.find()).get(known)
    return isServing(live) ? live : undefined
  }

  async function pause(namespace: string, deployments: readonly string[]): Promise<void> {
    const live = await ours.find()
    const standing = deployments.flatMap((name) => live.get(`Deployment ${namespace}/${name}`) ?? [])
    if (standing.length === 0) return
    await pauseDeployments(standing, { kubectl, writes })
    planner.invalidate()
    ours.invalidate()
  }

  const recorded = async () => [...(await ours.find()).values()].filter(options.isRecorded)

  async function sayStrays(): Promise<void> {
    const applied = new Set(manifests.map(nameOf))
    for (const live of (await ours.find()).values()) {
      const isKnown = applied.has(nameOf(live)) || options.isRecorded(live)
      if (isKnown || live.metadata.ownerReferences !== undefined || strays.has(nameOf(live))) continue
      strays.add(nameOf(live))
      log.warn(
        `${nameOf(live)} has the labels of this module and is in none of its revisions: it is left alone`,
        'a restored backup or a copy: take the keybuzz.io labels off it, or delete it yourself',
      )
    }
  }

  /** True for objects that this run did not apply. Those of Jobs, and those a controller made, are left alone. */
  function unwantedOf(ofStep: string | undefined): (live: LiveObject) => boolean {
    const applied = new Set(manifests.map(nameOf))
    return (live) =>
      !applied.has(nameOf(live)) &&
      live.kind !== 'Job' &&
      (ofStep === undefined || ownerOf(live).step === ofStep) &&
      live.metadata.ownerReferences === undefined
  }

  async function drop(isUnwanted: (live: LiveObject) => boolean): Promise<void> {
    const left = (await recorded()).filter(isUnwanted)
    if (left.length === 0) return
    let accepted = 0
    await writes.make(
      left.map((live) => ({ sign: '-', what: nameOf(live) })),
      async () => void (accepted = await deleteObjects(kubectl, left, { wait: false })),
    )
    if (!writes.planning) log.ok(`${left.length} objects no longer wanted: ${acceptedText(accepted, left)}`)
  }

  async function waitForRollout(namespace: string, ...workloads: string[]): Promise<void> {
    if (writes.planning) return
    const serving = await Promise.all(workloads.map((name) => servingUnchanged(namespace, name)))
    if (!serving.includes(undefined)) return sayReady(serving.flatMap((live) => live ?? []))
    await waitForDeployments(kubectl, namespace, workloads, failures())
  }

  const reader = createKubeReader(kubectl)
  const ready = <M extends Manifest>(manifest: M): M => keyed(manifest, options.checksumKey)
  const kubeOf = (step: string): Kube => ({
    ...reader,
    apply: (wanted) => applyBatch(wanted.map((manifest) => ready(owned(manifest, { ...owner, step })))),
    setFields: (fields) => setForeignFields(options, fields),
    ensureDefinitions: (definitions) => ensureDefinitions(options, definitions),
    evict: (pod) => evictPod(kubectl, writes, pod),
    async ensureJob(wanted, alone = []) {
      jobs.add(nameOf(wanted))
      const one = ready(owned(wanted, { ...owner, step }))
      const before = () => pause(wanted.metadata?.namespace ?? '', alone)
      await ensureJob(one, { kubectl, writes, failures: failures(), live: () => ours.find(), before })
    },
    waitForRollout,
  })

  return {
    of: kubeOf,
    reader,
    manifests,
    get seenTo() {
      return new Set([...manifests.map(nameOf), ...jobs])
    },
    get unchanged() {
      return unchanged
    },
    reapply: (batch) => applyBatch(batch.map(ready)),
    async planAhead(batch) {
      const { planned } = await planner.plan(batch.map(ready))
      if (!writes.planning) refuseConflicts(planned)
      planner.cache(planned)
      foreseen = planned.flatMap((one) => changeOf(one) ?? [])
      return planned
    },
    get foreseen() {
      return foreseen
    },
    async prune(ofStep, isMeant = () => true) {
      await sayStrays()
      const isUnwanted = unwantedOf(ofStep)
      await drop((live) => isUnwanted(live) && isMeant(live))
    },
    unwanted: async (ofStep) => (await recorded()).filter(unwantedOf(ofStep)),
    forgetJobs: () => drop(({ kind }) => kind === 'Job'),
    objects: async () => [...(await ours.find()).values()],
    recorded,
    sayStrays,
    invalidate: () => ours.invalidate(),
    waitForRollout,
    waitForRolloutUncached: (namespace, workloads) =>
      waitForDeployments(kubectl, namespace, workloads, failures()),
  }
}
