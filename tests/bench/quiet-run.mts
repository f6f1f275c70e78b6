import { readFileSync } from 'node:fs'
import { run, Unmeasured } from './measure.mts'

/** The environment of the practice platform. */
export const env = 'practice'

/** The words of the kit for modules: `12`, `9,12`. */
export const kitFor = (modules: string): string[] => [
  './00_master_install.mjs',
  '--env',
  env,
  '--module',
  modules,
  '--yes',
]

/** How long a run that found nothing to do took. */
export interface QuietRun {
  /** Milliseconds until its tests began. */
  readonly untilTests: number
  /** Milliseconds of the whole run. */
  readonly whole: number
  /** When its tests began, in milliseconds since 1970. */
  readonly testsBegan: number
}

/**
 * Runs the kit for a module that has nothing to do.
 * @param folder of the module: `12_n8n`
 * @throws Unmeasured when it fails, or has sent anything
 */
export function quietRun(
  words: readonly string[],
  folder: string,
  variables: NodeJS.ProcessEnv = {},
): QuietRun {
  const { ms, runs } = quietRuns(words, [folder], variables)
  const [one] = runs
  if (one === undefined) throw new Unmeasured('no module ran')
  return { ...one, whole: ms }
}

/**
 * Runs the kit for modules that have nothing to do, one after another.
 * @param folders of the modules in their order
 * @returns how long each took until its tests began, from the end of the one before it
 * @throws Unmeasured when it fails, or has sent anything
 */
export function quietRuns(
  words: readonly string[],
  folders: readonly string[],
  variables: NodeJS.ProcessEnv = {},
): { readonly ms: number; readonly runs: Omit<QuietRun, 'whole'>[] } {
  let begun = Date.now()
  const { ms, stderr } = run(words, { env: variables })
  const paths = [...stderr.matchAll(/^ *log +(\S+)$/gm)].map(([, path = '']) => path)
  const quiet = stderr.match(/nothing to do/g)?.length ?? 0
  if (paths.length !== folders.length || quiet < folders.length)
    throw new Unmeasured(`not every module found nothing to do:\n${stderr}`)
  const runs = folders.map((folder, at) => {
    // The log stamps the line before the step starts anything of its own; a reader of the screen may come late.
    const log = readFileSync(paths[at] ?? '/dev/null', 'utf8')
    const title = new RegExp(String.raw`^(\S+) ▸ ${folder}_\d\d_(?:tests|final_validation)$`, 'm')
    const testsBegan = Date.parse(title.exec(log)?.[1] ?? '')
    if (Number.isNaN(testsBegan)) throw new Unmeasured(`${folder} did not come to its tests:\n${stderr}`)
    const untilTests = testsBegan - begun
    begun = Date.parse(/^(\S+) {3}log +\S+$/m.exec(log)?.[1] ?? '')
    return { untilTests, testsBegan }
  })
  return { ms, runs }
}
