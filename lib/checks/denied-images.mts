import { failed, passed, warning, type Check } from './checks.mts'
import { staysOn } from '../kube/pods.mts'
import { imagesIn } from '../kube/workloads.mts'
import type { Settings } from '../settings/settings.mts'
import { denialOfImage, untoldOfImage } from '../settings/denied-versions.mts'

const pinIt =
  'find out which version that digest is; then name the image by tag and digest where it is chosen: name:VERSION@sha256:...'

/**
 * The check that no pod of a namespace has an image of a version that must never run. What is installed was chosen by an
 * earlier run, which may have known less: an install keeps it. An image that does not tell its version is a warning.
 * @param application prefix of its id
 * @param namespace by environment
 * @param fix what replaces such a version, and what it may have seen
 */
export const deniedImages = <S extends Settings>(
  application: string,
  namespace: (env: string) => string,
  fix: string,
): Check<S> => ({
  id: `${application}.denied`,
  title: 'No pod has an image of a version that must never run',
  fix,
  async ask({ kube, settings, versions }) {
    const pods = await kube.list('pods', { namespace: namespace(settings.ENV) })
    // Those that an upgrade has just replaced still finish their requests.
    const images = [...new Set(pods.filter(staysOn).flatMap(imagesIn))].toSorted()
    const linesBy = (reasonOf: typeof denialOfImage): string =>
      images
        .flatMap((image) => {
          const reason = reasonOf(versions, image)
          return reason === undefined ? [] : [`${image}: ${reason}`]
        })
        .join('; ')
    const [denied, untold] = [linesBy(denialOfImage), linesBy(untoldOfImage)]
    if (denied !== '') return failed(denied)
    return untold === '' ? passed(`${images.length} images`) : { ...warning(untold), fix: pinIt }
  },
})
