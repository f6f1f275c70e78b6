import { failed, passed, type Check } from './checks.mts'
import { staysOn } from '../kube/pods.mts'
import { imagesIn } from '../kube/workloads.mts'
import type { Settings } from '../settings/settings.mts'
import { denialOfImage } from '../settings/denied-versions.mts'

/**
 * The check that no pod of a namespace has an image of a version that must never run. What is installed was chosen by an
 * earlier run, which may have known less: an install keeps it.
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
    const found = images.flatMap((image) => {
      const denial = denialOfImage(versions, image)
      return denial === undefined ? [] : [`${image}: ${denial}`]
    })
    return found.length === 0 ? passed(`${images.length} images`) : failed(found.join('; '))
  },
})
