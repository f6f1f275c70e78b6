import { log } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'

/** True for `exec` and `logs`, whose stderr comes from programs in pods, not from the API server. */
const speaksForOthers = (words: readonly string[]): boolean => ['exec', 'logs'].includes(words[0] ?? '')

/** The API server's warnings in a command's stderr. @param words the command's arguments */
export const warningsIn = (words: readonly string[], stderr: string): string[] =>
  speaksForOthers(words) ? [] : [...stderr.matchAll(/^Warning: (.+)$/gm)].map(([, text = '']) => text)

/**
 * Logs the API server's warnings, most often `would violate PodSecurity ...`, each once a run: the same text comes with
 * every request.
 * @returns a function to call with the warnings of each request
 */
export function createWarnings(): (warnings: readonly string[]) => void {
  const said = new Set<string>()
  return (warnings) => {
    for (const text of warnings) {
      if (said.has(text)) continue
      said.add(text)
      log.warn(`the API server warns: ${shortened(text, 400)}`)
    }
  }
}
