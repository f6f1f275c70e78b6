import { log } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'

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
