import { imageName } from '../../../lib/backends/image-registry.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { paths } from '../host/paths.mts'

// Under which name nodes have an image that K3s brings. Its tarball decides that: a release of K3s may move its images to
// another registry, and a node without a registry can pull neither name.

/** Prints the images of a host's tarballs; nothing where none are noted. */
const askHeld = `sed -n 's/^[0-9a-f]\\{64\\} //p' ${paths.held} 2>/dev/null || :`

/**
 * Chooses among the images that every host's tarballs hold, see imageAmong.
 * @param hosts nodes of the cluster
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function heldImage(hosts: readonly Pick<Host, 'read'>[], wanted: string): Promise<string> {
  const shown = 'ask which images its tarballs hold'
  const answers = await Promise.all(hosts.map((host) => host.read(['sh', '-c', askHeld], { shown })))
  return imageAmong(
    answers.map(({ stdout }) => stdout.split('\n')),
    wanted,
  )
}

/**
 * The image with the last part of `wanted`'s name (`mirrored-library-busybox`) that is in every list: `wanted` itself
 * when it is, else the one with the highest tag. `wanted` when there is none. Pure.
 */
export function imageAmong(lists: readonly (readonly string[])[], wanted: string): string {
  const [first = [], ...others] = lists
  const shared = first.filter((image) => others.every((list) => list.includes(image)))
  const alike = shared.filter((image) => lastPart(image) === lastPart(wanted))
  if (alike.some((image) => imageName(image).full === imageName(wanted).full)) return wanted
  return alike.toSorted(byTag).at(-1) ?? wanted
}

const lastPart = (image: string): string | undefined => imageName(image).repository.split('/').at(-1)

const { compare } = new Intl.Collator('en', { numeric: true })
const byTag = (one: string, other: string): number =>
  compare(imageName(one).reference, imageName(other).reference)
