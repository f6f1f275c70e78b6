import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { few } from '../../../lib/base/few.mts'
import type { Until } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { recordSums } from '../../../lib/hosts/known-sums.mts'
import { imagesIn, imagesPart, type HeldImages } from '../host/held-images.mts'
import { paths } from '../host/paths.mts'
import type { Artifact } from './install.mts'

// The images of the tarballs in containerd. K3s imports a tarball once. The kubelet deletes images when the disk is
// full, and a node without a registry cannot pull them again. K3s pins the images it imports against that, but removes
// the pin at its next start.

/**
 * Imports a tarball without unpacking, as K3s does: an image is unpacked for its first container, by the snapshotter of
 * the node. A docker archive may name no platform, and then needs --all-platforms; an index may lack the images of
 * other processors, and then must not have it.
 */
const importFile = (file: string): string =>
  `c images import --no-unpack --all-platforms "${file}" >/dev/null 2>&1 || c images import --no-unpack "${file}" >/dev/null`

/**
 * Records which images each tarball contains. containerd itself reads it, compressed or not, in a separate namespace
 * that is emptied afterwards; its layers are shared with the namespace of pods, not stored twice. Records their checksums too. The arguments are
 * SHA256 and PATH of each tarball.
 */
const noteScript = `files=${paths.binary}
c() { ${paths.binary} ctr -n keybuzz-images "$@"; }
empty() { names=$(c images ls -q); [ -z "$names" ] || c images rm --sync $names >/dev/null; }
: >${paths.held}.new
while [ $# -gt 1 ]; do
  empty
  ${importFile('$2')}
  echo "$1" >>${paths.held}.new
  c images ls -q | sed -n "/^import-/d; s/./$1 &/p" >>${paths.held}.new
  files="$files $2"
  shift 2
done
empty
c namespaces rm keybuzz-images >/dev/null 2>&1 || :
mv -f ${paths.held}.new ${paths.held}
set -- $files
${recordSums(paths.sums)}`

/**
 * Bytes of tarballs that K3s imports in a second at least. Known are 1.5 GB in 135 to 284 s (K3s v1.36.4) and the
 * release's own tar.zst, some 170 MB, in 32 s (K3s v1.32.5, k3s-io/k3s issue 12269); fast disks need a hundredth.
 */
const bytesPerSecond = 5_000_000

/**
 * Seconds a start takes longer than usual because K3s imports tarballs before its kubelet starts: each once, so none
 * whose images the host has noted. A tarball that is no longer on this machine counts nothing.
 */
export function importSeconds(artifacts: readonly Artifact[], { noted }: Pick<HeldImages, 'noted'>): number {
  const anew = artifacts.filter(({ path, sha256 }) => path !== paths.binary && !noted.includes(sha256))
  const bytes = anew.map(({ file }) => statSync(file, { throwIfNoEntry: false })?.size ?? 0)
  return Math.ceil(bytes.reduce((sum, one) => sum + one, 0) / bytesPerSecond)
}

/** Imports a tarball, and pins the images as K3s does: the kubelet does not delete them until K3s starts again. */
const importScript = `c() { ${paths.binary} ctr -n k8s.io "$@"; }
file=$1
shift
${importFile('$file')}
for name; do c images label "$name" io.cri-containerd.pinned=pinned io.cattle.k3s.pinned=pinned >/dev/null; done
`

const askImages = async (host: Host): Promise<HeldImages> =>
  imagesIn((await host.read(['sh', '-c', imagesPart], { shown: 'ask which images are missing' })).stdout)

/**
 * Imports the images of the tarballs that are missing on a node whose K3s runs. K3s is not restarted.
 * @param before what readState found; undefined when K3s was started since
 * @returns true when anything was done (under --plan: would be)
 * @throws KitError exit 9 when containerd cannot import a tarball, or an image is still missing 30 s later; exit 3, 6,
 *   9, 130 or 143, see Host.read; what the gate throws (Writes.make)
 */
export async function ensureImages(
  host: Host,
  artifacts: readonly Artifact[],
  until: Until,
  before?: HeldImages,
): Promise<boolean> {
  const tarballs = artifacts.filter(({ path }) => path !== paths.binary)
  if (tarballs.length === 0) return false
  let held = before ?? (await askImages(host))
  const noted = tarballs.every(({ sha256 }) => held.noted.includes(sha256))
  if (!noted) {
    const words = tarballs.flatMap(({ sha256, path }) => [sha256, path])
    await host.change('note which images its tarballs hold', ['sh', '-ec', noteScript, 'sh', ...words], {
      timeoutSeconds: 900,
    })
    held = await askImages(host)
  }
  const gone = (sha256: string, now: HeldImages) =>
    now.gone.flatMap(([tarball, image]) => (tarball === sha256 ? [image] : []))
  const lacking = tarballs.filter(({ sha256 }) => gone(sha256, held).length > 0)
  for (const { sha256, path } of lacking) {
    const images = gone(sha256, held)
    await host.change(
      `import ${few(images, 3)} again, missing in containerd, from ${basename(path)}`,
      ['sh', '-ec', importScript, 'sh', path, ...images],
      { timeoutSeconds: 900 },
    )
    await until({
      what: `${few(images, 3)} on ${host.name}`,
      seconds: 30,
      async missing() {
        const now = await askImages(host)
        return now.noted.includes(sha256) ? few(gone(sha256, now), 3) : 'containerd does not say'
      },
      hint: `look whether the disk of ${host.name} is full (df -h /var/lib/rancher), free some, then run module 9 again`,
    })
  }
  return !noted || lacking.length > 0
}
