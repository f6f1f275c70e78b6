import { createHash } from 'node:crypto'
import type { Sensitive } from '../../base/sensitive.mts'
import { keyOfFile } from '../manifests/delivery.mts'
import { agents, filesAskedBy, injectAnnotation, secretsFolder } from '../manifests/injection.mts'
import type { KubeReader } from '../reader.mts'
import type { LiveObject, Pod } from '../types.mts'
import { isPodReady } from '../pods.mts'

// The injected files of running pods against the values they should have. The injector accepts wrong annotations
// without an error, and Vault may have other values: only the files show what an application reads.

/** What the injected files of one namespace come to. */
export interface FilesFound {
  /** The ready pods whose files were compared. */
  readonly pods: number
  /** One line for each pod and what is wrong with it; it names files and keys, never a value or a hash. */
  readonly problems: readonly string[]
  /** Keys whose file differs from the value it should have, each once. */
  readonly differing: readonly string[]
}

/** Prints the SHA-256 and the name of each file. The agent has a shell: its own command line needs one. */
const hashAll = `cd ${secretsFolder} && for file in *; do [ ! -f "$file" ] || sha256sum "$file"; done`

/** The SHA-256 of a value, as sha256sum prints it. */
export const hashOf = (value: Sensitive): string => createHash('sha256').update(value.reveal()).digest('hex')

/**
 * Compares the files of all pods of a namespace that ask for injection, in the agent beside each application: the
 * values never leave the pods. Pods of Jobs are left out: no agent runs beside them.
 * @param values by the keys that the files are named after
 * @throws KitError exit 3 or 5 to 9 from kubectl; exit 130 or 143 on a signal
 */
export async function compareFiles(
  kube: Pick<KubeReader, 'list' | 'runIn'>,
  namespace: string,
  values: Readonly<Record<string, Sensitive | undefined>>,
): Promise<FilesFound> {
  const pods = (await kube.list('pods', { namespace })).filter(asks)
  const found = await Promise.all(pods.map((pod) => compareOne(kube, pod, values)))
  return {
    pods: found.filter(({ isCompared }) => isCompared).length,
    problems: found.flatMap(({ problems }) => problems),
    differing: [...new Set(found.flatMap(({ differing }) => differing))],
  }
}

/** True for a pod that asks for injection and stays: not of a Job, and not being deleted. */
const asks = ({ metadata }: LiveObject): boolean =>
  metadata.annotations?.[injectAnnotation] === 'true' &&
  metadata.deletionTimestamp === undefined &&
  metadata.ownerReferences?.some(({ kind }) => kind === 'Job') !== true

interface OneFound {
  readonly isCompared: boolean
  readonly problems: readonly string[]
  readonly differing: readonly string[]
}

async function compareOne(
  kube: Pick<KubeReader, 'runIn'>,
  pod: LiveObject,
  values: Readonly<Record<string, Sensitive | undefined>>,
): Promise<OneFound> {
  const { name, annotations } = pod.metadata
  const only = (problem: string): OneFound => ({
    isCompared: false,
    problems: [`${name} ${problem}`],
    differing: [],
  })
  const { containers = [] } = (pod as unknown as Pod).spec ?? {}
  if (!containers.some((one) => one.name === agents.beside))
    return only('asks for injection and has no agent: it was created without the injector')
  if (!isPodReady(pod)) return only('is not ready')
  const said = await kube.runIn(pod, ['sh', '-c', hashAll], { isRepeatable: true, container: agents.beside })
  const there = hashesIn(said)
  const asked = filesAskedBy(annotations)
  const missing = asked.filter((file) => !there.has(file))
  const more = [...there.keys()].filter((file) => !asked.includes(file))
  const differing = asked.filter((file) => {
    const value = values[keyOfFile(file)]
    return there.has(file) && (value === undefined || there.get(file) !== hashOf(value))
  })
  return {
    isCompared: true,
    problems: [
      ...missing.map((file) => `${name} has no file ${file}`),
      ...more.map((file) => `${name} has a file ${file} that it did not ask for`),
      ...differing.map((file) => `${name} has another value in ${file}`),
    ],
    differing: differing.map(keyOfFile),
  }
}

/** Hashes by file name, from the output of sha256sum. */
const hashesIn = (said: string): ReadonlyMap<string, string> =>
  new Map(
    said.split('\n').flatMap((line) => {
      const [, hash, file] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line.trim()) ?? []
      return hash === undefined || file === undefined ? [] : [[file, hash]]
    }),
  )
