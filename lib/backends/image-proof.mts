import { exitCodes, KitError } from '../base/errors.mts'
import { imageName, problemWithOwnImage, askRegistry, type Offer } from './image-registry.mts'
import { takesPods } from '../kube/cluster-view.mts'
import type { RegistrySettings } from '../kube/manifests/pull-secret.mts'
import type { Reporter } from '../base/log.mts'
import type { LiveObject } from '../kube/types.mts'
import { written } from '../base/written.mts'

// Proves that images can be pulled, before an object that uses them is applied: by a node that has the image, else by
// a request to the registry with the account that the nodes will use.

/** Images of one origin: public ones, or the operator's own. */
export interface ImagesToProve {
  readonly images: readonly string[]
  /** True for images the operator builds: no public registry has them, and a well-known name is a placeholder. */
  readonly builtByOperator: boolean
}

export interface ProofOptions {
  /** The Node objects of the cluster, with `status.images`. */
  readonly nodes: readonly LiveObject[]
  readonly settings: RegistrySettings & { readonly ENV: string }
  readonly reporter: Reporter
  readonly ask?: typeof askRegistry
}

/**
 * Requires that nodes can start these images. A public image on one node was pulled by it, so all nodes can pull it. An
 * operator's own image may have been imported there by hand, so every node must have it, or the registry must serve it.
 * @throws KitError exit 2 for a placeholder; else exit 8 when the registry refuses this account, exit 3 when the image
 *   does not exist or its registry does not answer
 */
export async function provePulls(
  { images, builtByOperator }: ImagesToProve,
  { nodes, settings, reporter, ask = askRegistry }: ProofOptions,
): Promise<void> {
  if (builtByOperator) for (const image of images) requireOwn(image, settings.ENV)
  const usable = nodes.filter(takesPods)
  const proven: string[] = []
  for (const image of images) {
    const having = usable.filter((node) => has(node, image)).length
    const enough = builtByOperator ? usable.length : 1
    const offer = having >= enough && having > 0 ? undefined : await ask(image, settings)
    if (offer === undefined || offer.is === 'there') {
      proven.push(image)
      continue
    }
    // When the admin host cannot reach a registry, nodes may still be able to pull a public image.
    if (offer.is !== 'silent' || (builtByOperator && having === 0)) throw refusal(image, offer)
    reporter.warn(
      `${image} is on ${having} of ${usable.length} nodes, and its registry does not answer from here: ${offer.words}`,
      builtByOperator
        ? 'lay it on the other nodes too, or open the way to the registry'
        : 'the nodes must reach that registry; its way from here proves it before an install',
    )
  }
  if (proven.length > 0) reporter.ok(`${proven.join(', ')} can be pulled`)
}

function requireOwn(image: string, env: string): void {
  const problem = problemWithOwnImage(image)
  if (problem === undefined) return
  throw new KitError(`${image} cannot be installed: ${problem}`, {
    exitCode: exitCodes.usage,
    details: [written()],
    hint: `name the image you built in credentials/${env}/versions.json`,
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
    details: [offer.words, written()],
    hint: said[1] ?? '',
  })
}

// Pure: the fields of Node objects that matter for images.

interface NodeParts {
  readonly status?: {
    readonly images?: readonly { names?: readonly string[] | null }[]
  }
}

/** True when a node lists an image. The kubelet lists its 50 largest images only. */
export const has = (node: LiveObject, image: string): boolean =>
  ((node as NodeParts).status?.images ?? []).some(({ names }) => names?.includes(imageName(image).full))
