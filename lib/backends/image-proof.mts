import { exitCodes, KitError } from '../base/errors.mts'
import { imageName, problemWithOwnImage, askRegistry, type Offer } from './image-registry.mts'
import type { RegistrySettings } from '../kube/manifests/pull-secret.mts'
import type { Reporter } from '../base/log.mts'
import type { LiveObject } from '../kube/types.mts'

// Images, before anything is applied that names them: nodes that have one are proof, else the registry is asked with
// the account the nodes will use.

/** Images of one origin. */
export interface ImagesToProve {
  readonly images: readonly string[]
  /** The operator builds them: nobody else has them, and a name everybody knows is a placeholder. */
  readonly builtByOperator: boolean
}

export interface ProofOptions {
  /** The nodes of the cluster, with what they say of their images. */
  readonly nodes: readonly LiveObject[]
  readonly settings: RegistrySettings
  readonly reporter: Reporter
  readonly ask?: typeof askRegistry
}

/**
 * Makes sure that nodes can start these images. A public image that one node has was pulled by it; of an operator's
 * own it may also have been laid there by hand, so every node must have it or its registry give it.
 * @throws KitError exit 2 for a placeholder; exit 3 or 8 for an image no node has and no registry gives
 */
export async function provePulls(
  { images, builtByOperator }: ImagesToProve,
  { nodes, settings, reporter, ask = askRegistry }: ProofOptions,
): Promise<void> {
  if (builtByOperator) for (const image of images) requireOwn(image)
  const usable = nodes.filter(takesPods)
  for (const image of images) {
    const having = usable.filter((node) => has(node, image)).length
    const enough = builtByOperator ? usable.length : 1
    if (having >= enough && having > 0) continue
    const offer = await ask(image, settings)
    if (offer.is === 'there') continue
    // Where the admin host cannot ask, nodes may still be able to pull what is public.
    if (offer.is !== 'silent' || (builtByOperator && having === 0)) throw refusal(image, offer)
    reporter.warn(
      `${image} is on ${having} of ${usable.length} nodes, and its registry does not answer from here: ${offer.words}`,
      builtByOperator
        ? 'lay it on the other nodes too, or open the way to the registry'
        : 'the nodes must reach that registry; its way from here proves it before an install',
    )
  }
  reporter.ok(`${images.join(', ')} can be pulled`)
}

function requireOwn(image: string): void {
  const problem = problemWithOwnImage(image)
  if (problem === undefined) return
  throw new KitError(`${image} cannot be installed: ${problem}`, {
    exitCode: exitCodes.usage,
    details: ['Nothing was applied.'],
    hint: 'name the image you built in credentials/ENV/versions.json',
  })
}

function refusal(image: string, offer: Exclude<Offer, { is: 'there' }>): KitError {
  const { registry } = imageName(image)
  const said = {
    absent: ['the image does not exist', 'correct its name or tag in versions.json, or push it'],
    refused: [
      'the registry does not give the image to this account',
      `check REGISTRY_SERVER (${registry}), REGISTRY_USER and REGISTRY_PASSWORD, and what that account may read`,
    ],
    silent: [
      'no node has the image, and its registry does not answer from here',
      'correct its name in versions.json, open the way to the registry, or lay the image on the nodes: they tell of it within a minute',
    ],
  }[offer.is]
  return new KitError(`${image}: ${said[0]}`, {
    exitCode: offer.is === 'refused' ? exitCodes.denied : exitCodes.preflight,
    details: [offer.words, 'Nothing was applied.'],
    hint: said[1] ?? '',
  })
}

// Pure: what nodes say of themselves, as far as an image matters.

interface NodeParts {
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: readonly { effect: string }[] }
  readonly status?: {
    readonly conditions?: readonly { type: string; status: string }[]
    readonly images?: readonly { names?: readonly string[] | null }[]
  }
}

/** A node that a pod without tolerations can come to. */
export function takesPods(node: LiveObject): boolean {
  const { spec, status } = node as NodeParts
  const closed = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false
  const ready = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
  return ready && !closed && spec?.unschedulable !== true
}

/** True when a node says that it has an image. It lists the 50 largest it has. */
export const has = (node: LiveObject, image: string): boolean =>
  ((node as NodeParts).status?.images ?? []).some(({ names }) => names?.includes(imageName(image).full))
