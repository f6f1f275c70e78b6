import type { Deployment, LiveObject } from '../../lib/kube/types.mts'
import { deploymentOf } from './names.mts'

/** The major version in an image's tag: 6 of `superset:6.1.0`. */
const majorOf = (image: string): string | undefined => /:v?(\d+)\.\d+/.exec(image)?.[1]

/**
 * The Deployments that must have no pods while the database is migrated: worker and beat, and for another major version
 * the web pods too, which would read tables that are being changed.
 * @param web the live Deployment of the web pods, if there is one
 * @param image the image that migrates
 */
export function stoppedWhileMigrating(web: LiveObject | undefined, image: string): string[] {
  const background = [deploymentOf('beat'), deploymentOf('worker')]
  const [running] = (web as Deployment | undefined)?.spec?.template.spec?.containers ?? []
  const before = majorOf(running?.image ?? '')
  const another = running !== undefined && (before === undefined || before !== majorOf(image))
  return another ? [...background, deploymentOf('web')] : background
}
