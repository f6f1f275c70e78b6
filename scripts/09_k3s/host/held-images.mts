import { paths } from './paths.mts'

/** The images of a host's tarballs. */
export interface HeldImages {
  /** sha256 of each tarball whose images are recorded on the host. */
  readonly noted: readonly string[]
  /** Images containerd no longer has, each with the sha256 of its tarball. */
  readonly gone: readonly (readonly [sha256: string, image: string])[]
}

/**
 * POSIX shell: a line `image SHA256` for each tarball whose images are known, `image SHA256 IMAGE` for each image that
 * is missing. Prints nothing when K3s does not run or containerd does not answer: awk then takes $f for the list of
 * containerd's images. The `-` makes that list not empty where there is no image. Kept short: every install sends it.
 */
export const imagesPart = `f=${paths.held}
[ -s $f ] && systemctl is-active --quiet k3s k3s-agent && { ${paths.binary} ctr -n k8s.io images ls -q && echo -; } | awk 'NR==FNR{h[$0];next}!($2 in h){print"image",$0}' - $f
`

/** Parses the output of `imagesPart`, and ignores other lines. Pure. */
export function imagesIn(text: string): HeldImages {
  const lines = text
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([key]) => key === 'image')
  return {
    noted: lines.flatMap(([, sha256 = '', image]) => (image === undefined ? [sha256] : [])),
    gone: lines.flatMap(([, sha256 = '', image]) => (image === undefined ? [] : [[sha256, image] as const])),
  }
}
