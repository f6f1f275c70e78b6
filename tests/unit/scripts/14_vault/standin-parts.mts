import { join } from 'node:path'
import { root } from '../../../../lib/base/files.mts'

/** The folder of the practice platform's stand-in of the injector. */
export const standInFolder = join(root, 'tests/practice/images/injector')

/** The pure parts of the stand-in. */
export interface StandInParts {
  readonly patchFor: (pod: object, namespace: string, agents: object) => object[] | undefined
  readonly readEnvironment: (environment: Readonly<Record<string, string | undefined>>) => { agents: object }
  readonly makeAuthority: () => { pem: string; certify(hosts: readonly string[]): { cert: string } }
  readonly isDue: (certificate: string, now: number) => boolean
}

/** Loads them: programs of an image, without types. */
export async function loadStandIn(): Promise<StandInParts> {
  const names = ['patch', 'environment', 'authority']
  const parts = await Promise.all(
    names.map((name) => import(join(standInFolder, `${name}.mjs`)) as Promise<object>),
  )
  return Object.assign({}, ...parts) as StandInParts
}
