import { lazily } from '../base/lazy.mts'
import { chooseImages, type Chosen, type Versions } from '../settings/versions.mts'
import { imagesInUse } from './by-settings.mts'
import type { Inputs } from './inputs.mts'
import type { Module } from './module.mts'

/** The images of one run. */
export interface ImageChoice {
  /** Images this run installs, and newer ones that it does not install. @throws KitError exit 2, see chooseImages */
  readonly chosen: () => Chosen
  /** Installs another reference of one image from now on, see MachineContext.useImage. */
  readonly useImage: (name: string, reference: string) => void
}

/** What the images of a run are chosen by. */
export interface ChoosingBy<M extends Module> {
  readonly module: M
  readonly inputs: Inputs<M>
  readonly versions: Versions
  /** True with --upgrade. */
  readonly upgrade: boolean
}

/** Makes the choice of a run. @param installed references by name, read when the images are asked for first */
export function createImageChoice<M extends Module>(
  { module, inputs, versions, upgrade }: ChoosingBy<M>,
  installed: () => Readonly<Record<string, string>>,
): ImageChoice {
  const first = lazily(() =>
    chooseImages(imagesInUse(module, inputs), versions, installed(), upgrade, module.imagesOfNodes),
  )
  const used = new Map<string, string>()
  return {
    chosen: () => ({ ...first(), images: { ...first().images, ...Object.fromEntries(used) } }),
    useImage: (name, reference) => void used.set(name, reference),
  }
}
