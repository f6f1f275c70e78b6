import { exitCodes, KitError } from '../base/errors.mts'
import { masterCommand } from '../base/names.mts'
import { written } from '../base/written.mts'
import { gibibyte, numberOf } from '../kube/quantity.mts'
import type { LiveObject } from '../kube/types.mts'
import { foreignOwner } from '../state/scope.mts'
import type { Module, SettingsOf } from './module.mts'
import type { Session } from './session.mts'

/**
 * Requires that no volume of a module would become smaller: Kubernetes cannot do that. Asked before such a size is
 * saved. A module of another environment, or of a cluster that was adopted, has no volumes of these settings.
 * @throws KitError exit 5 naming setting, claim and both sizes; exit 3, 6 to 9, 12, 130 or 143, see KubeReader
 */
export async function requireNoShrinking<M extends Module>(
  { module, env, opened }: Pick<Session<M>, 'module' | 'env' | 'opened'>,
  settings: SettingsOf<M>,
): Promise<void> {
  if (opened === undefined || foreignOwner({ module, env, known: opened.known }) !== undefined) return
  if (opened.revisions.current?.state === 'adopted') return
  for (const volume of module.volumes?.(settings) ?? []) {
    const { namespace, claim, setting, size, textOf, otherwise } = volume
    const live = await opened.kube.reader.get('persistentvolumeclaims', claim, namespace)
    const there = live === undefined ? undefined : shrinkingFrom(live, size)
    if (there === undefined) continue
    const back = `${setting}=${textOf(Math.ceil((numberOf(there) ?? 0) / gibibyte))}`
    const ways = [masterCommand(module.number, env, '--set', back), otherwise ?? []].flat()
    throw new KitError(
      `${setting} says ${size}, its volume claim ${namespace}/${claim} is ${there}: volumes do not shrink`,
      { exitCode: exitCodes.conflict, details: [written()], hint: ways.join('; or ') },
    )
  }
}

/**
 * What a claim asks for, when that is more than `size`. It may be lowered again to more than the volume has, where the
 * volume could not grow that far.
 */
function shrinkingFrom({ spec, status }: LiveObject, size: string): string | undefined {
  const { resources } = (spec ?? {}) as { resources?: { requests?: { storage?: string } } }
  const { capacity } = (status ?? {}) as { capacity?: { storage?: string } }
  const asked = resources?.requests?.storage ?? ''
  const [wanted, before, has] = [size, asked, capacity?.storage ?? asked].map(numberOf)
  if (wanted === undefined || before === undefined || has === undefined) return undefined
  return wanted < before && wanted <= has ? asked : undefined
}
