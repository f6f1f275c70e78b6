import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { few } from '../../../lib/base/few.mts'
import { written } from '../../../lib/base/written.mts'
import { nameOf, type Manifest, type PodSpec } from '../../../lib/kube/types.mts'
import { operatorName } from './names.mts'

// What a render must not have, asked before anything of it is applied. Pure.

/**
 * Requires that a render of the chart can be applied.
 * @param chart the objects of the render
 * @param own the objects of the kit's own beside them
 * @throws KitError exit 3 for a Secret value in the render, a Secret that nothing makes, or a reader of Secrets that is
 *   not Prometheus' operator
 */
export function requireSound(chart: readonly Manifest[], own: readonly Manifest[]): void {
  const [first] = [
    ...chart
      .filter(({ kind }) => kind === 'Secret')
      .map((one) => `${nameOf(one)} would put its values into the render and into the revision`),
    ...missingSecrets(chart, [...chart, ...own]),
    ...foreignReaders(chart),
  ]
  if (first === undefined) return
  throw new KitError(`the chart cannot be installed: ${first}`, {
    exitCode: exitCodes.preflight,
    details: [written()],
    hint: 'use the chart this kit’s versions.json names; a newer one needs a newer kit',
  })
}

interface Workload {
  readonly spec?: {
    readonly template?: { readonly spec?: PodSpec }
    readonly secrets?: readonly string[]
    readonly configSecret?: string
    readonly imagePullSecrets?: readonly { name?: string }[]
  }
}

/** Names of Secrets without which the pods of an object do not start. */
function secretsOf(manifest: Manifest): string[] {
  const { template, secrets = [], configSecret } = (manifest as Workload).spec ?? {}
  const pod = template?.spec
  const containers = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])]
  return [
    ...(/^(Prometheus|Alertmanager)$/.test(manifest.kind ?? '')
      ? [...secrets, configSecret ?? []].flat()
      : []),
    ...(pod?.volumes ?? []).flatMap(({ secret }) =>
      secret?.secretName === undefined || secret.optional === true ? [] : [secret.secretName],
    ),
    ...containers.flatMap(({ env = [], envFrom = [] }) => [
      ...env.flatMap(({ valueFrom }) =>
        valueFrom?.secretKeyRef?.name === undefined || valueFrom.secretKeyRef.optional === true
          ? []
          : [valueFrom.secretKeyRef.name],
      ),
      ...envFrom.flatMap(({ secretRef }) =>
        secretRef?.name === undefined || secretRef.optional === true ? [] : [secretRef.name],
      ),
    ]),
  ]
}

function missingSecrets(chart: readonly Manifest[], all: readonly Manifest[]): string[] {
  const made = new Set(all.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata?.name))
  return chart.flatMap((one) =>
    secretsOf(one)
      .filter((name) => !made.has(name))
      .map((name) => `${nameOf(one)} needs Secret ${name}, which nothing makes`),
  )
}

interface Role extends Manifest {
  readonly rules?: readonly { apiGroups?: readonly string[]; resources?: readonly string[] }[]
}

/** Prometheus' operator copies configurations from Secret to Secret: it cannot do without. */
function foreignReaders(chart: readonly Manifest[]): string[] {
  const readers = chart.filter(
    (one) =>
      /^(Cluster)?Role$/.test(one.kind ?? '') &&
      one.metadata?.name !== operatorName &&
      ((one as Role).rules ?? []).some(
        ({ apiGroups = [], resources = [] }) =>
          ['', '*'].some((group) => apiGroups.includes(group)) &&
          ['secrets', '*'].some((kind) => resources.includes(kind)),
      ),
  )
  return readers.length === 0 ? [] : [`${few(readers.map(nameOf), 3)} may read Secrets`]
}
