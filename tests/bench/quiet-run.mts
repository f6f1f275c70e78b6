import { readFileSync } from 'node:fs'
import { run, Unmeasured } from './measure.mts'

/** The environment of the practice platform. */
export const env = 'practice'

/** The words of the kit for one module. */
export const kitFor = (module: number): string[] => [
  './00_master_install.mjs',
  '--env',
  env,
  '--module',
  String(module),
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
  const started = Date.now()
  const { ms, stderr } = run(words, { env: variables })
  // The log stamps the line before the step starts anything of its own; a reader of the screen may come late.
  const log = readFileSync(/^ *log +(\S+)$/m.exec(stderr)?.[1] ?? '/dev/null', 'utf8')
  const title = new RegExp(String.raw`^(\S+) ▸ ${folder}_\d\d_(?:tests|final_validation)$`, 'm')
  const testsBegan = Date.parse(title.exec(log)?.[1] ?? '')
  if (!stderr.includes('nothing to do') || Number.isNaN(testsBegan))
    throw new Unmeasured(`this is no run that found nothing to do:\n${stderr}`)
  return { untilTests: testsBegan - started, whole: ms, testsBegan }
}
