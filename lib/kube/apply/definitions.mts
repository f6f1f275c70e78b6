import { createHash } from 'node:crypto'
import { parse } from 'yaml'
import { createUntil } from '../../base/poll.mts'
import { exitCodes, KitError, messageOf } from '../../base/errors.mts'
import { few } from '../../base/few.mts'
import { log } from '../../base/log.mts'
import { shortened } from '../../base/sensitive.mts'
import { written } from '../../base/written.mts'
import type { Writes } from '../../base/writes.mts'
import type { Kubectl } from '../kubectl.mts'
import { findLive, sendObjects, waitUntilGone } from '../objects.mts'
import { conditionOf, nameOf, type LiveObject, type Manifest } from '../types.mts'

// CustomResourceDefinitions. They are megabytes, so a digest beside them says whether they are those of the chart: they
// are compared by it, parsed only to be sent, and in no revision. The kit never deletes one: its objects would go too.

/** A CustomResourceDefinition as text. */
export interface Definition {
  /** `prometheuses.monitoring.coreos.com` */
  readonly name: string
  /** YAML */
  readonly text: string
  /** Hexadecimal SHA-256 of the text. */
  readonly digest: string
}

/** What ensureDefinitions works with. */
export interface DefinitionWriter {
  readonly kubectl: Kubectl
  readonly writes: Writes
  /** Takes over definitions that something else has made. */
  readonly forceConflicts: boolean
}

/** The annotation with the digest of the text a definition was made from. */
export const digestAnnotation = 'keybuzz.io/digest'

/** Seconds in which the API server begins to serve a new kind: 2 s for ten were seen. */
const establishedSeconds = 60

/** Splits the text of `helm show crds`, or of a file of them. Pure. @throws KitError exit 3 when it has none */
export function definitionsIn(text: string): Definition[] {
  const found = text.split(/^---\s*$/m).flatMap((part): Definition[] => {
    const body = part.trim()
    if (!/^kind: CustomResourceDefinition$/m.test(body)) return []
    const [, name = ''] = /^metadata:\n(?: .*\n)*? {2}name: "?([\w.-]+)"?$/m.exec(body) ?? []
    return [{ name, text: body, digest: createHash('sha256').update(body).digest('hex') }]
  })
  if (found.length > 0 && found.every(({ name }) => name !== '')) return found
  throw new KitError('the chart has no CustomResourceDefinitions that can be read', {
    exitCode: exitCodes.preflight,
    hint: 'use the chart this kit’s versions.json names',
  })
}

const identityOf = (name: string): Manifest => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name },
})

/**
 * Makes these definitions those of the cluster, and waits until each is Established, by its name. One that is being
 * deleted is waited for: applied before, it would still vanish.
 * @param seconds until one that is not Established fails
 * @returns true when the cluster has all of them; false under --plan when it has not
 * @throws KitError exit 5 when something else has made one, unless `forceConflicts`; exit 9 when one is not Established
 *   in time, see also waitUntilGone; exit 3 for a text that is not one; see also sendObjects and Writes.make
 */
export async function ensureDefinitions(
  { kubectl, writes, forceConflicts }: DefinitionWriter,
  definitions: readonly Definition[],
  seconds = establishedSeconds,
): Promise<boolean> {
  const started = performance.now()
  const ask = async () =>
    await findLive(
      kubectl,
      definitions.map(({ name }) => identityOf(name)),
    )
  let live = await ask()
  const ending = [...live.values()].filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
  if (ending.length > 0 && !writes.planning) {
    await waitUntilGone(kubectl, ending)
    live = await ask()
  }
  const foreign = [...live.values()].filter((one) => digestIn(one) === undefined)
  if (foreign.length > 0 && !forceConflicts) {
    if (!writes.planning) throw notOurs(foreign)
    writes.note({ sign: '!', what: notOurs(foreign).message })
  }
  const now = (name: string) => live.get(nameOf(identityOf(name)))
  const changed = definitions.filter(({ name, digest }) => digestIn(now(name)) !== digest)
  if (changed.length > 0) {
    const changes = changed.map(({ name }) => ({
      sign: now(name) === undefined ? ('+' as const) : ('~' as const),
      what: nameOf(identityOf(name)),
    }))
    await writes.make(
      changes,
      async () => void (await sendObjects(kubectl, changed.map(sent), { dryRun: false })),
    )
  }
  const isThere = definitions.every(({ name }) => isEstablished(now(name)))
  if (writes.planning) return isThere
  if (changed.length === 0 && isThere) {
    log.ok(`${definitions.length} definitions of kinds: 0 sent`, started)
    return true
  }
  await createUntil(false)({
    what: 'every kind of the chart',
    seconds,
    hint: 'kubectl describe crd tells why in the conditions of each; then run the same command again',
    async missing() {
      const all = await ask()
      const without = definitions.filter(({ name }) => !isEstablished(all.get(nameOf(identityOf(name)))))
      return without.length === 0
        ? ''
        : `not Established: ${few(
            without.map(({ name }) => name),
            3,
          )}`
    },
  })
  log.ok(`${definitions.length} definitions of kinds: ${changed.length} sent`, started)
  return true
}

const digestIn = (live: LiveObject | undefined): string | undefined =>
  live?.metadata.annotations?.[digestAnnotation]

const isEstablished = (live: LiveObject | undefined): boolean =>
  live !== undefined &&
  live.metadata.deletionTimestamp === undefined &&
  conditionOf(live, 'Established')?.status === 'True'

const notOurs = (foreign: readonly LiveObject[]): KitError =>
  new KitError(`${few(foreign.map(nameOf), 2)}: another installation has made these kinds`, {
    exitCode: exitCodes.conflict,
    details: [
      'Its objects and operator use them: with other definitions they may fail, and two operators would write to the same objects.',
      written(),
    ],
    hint: 'leave monitoring to that installation (--set MONITORING=false), or take it away first; --force-conflicts takes its definitions over',
  })

/** The object to send, with the digest of its text. @throws KitError exit 3 when the text is no YAML */
function sent({ name, text, digest }: Definition): Manifest {
  try {
    const manifest = parse(text) as Manifest
    return {
      ...manifest,
      metadata: {
        ...manifest.metadata,
        labels: { ...manifest.metadata?.labels, 'app.kubernetes.io/managed-by': 'keybuzz' },
        annotations: { ...manifest.metadata?.annotations, [digestAnnotation]: digest },
      },
    }
  } catch (cause) {
    throw new KitError(`the definition of ${name} is not YAML: ${shortened(messageOf(cause), 200)}`, {
      exitCode: exitCodes.preflight,
      hint: 'use the chart this kit’s versions.json names',
      cause,
    })
  }
}
