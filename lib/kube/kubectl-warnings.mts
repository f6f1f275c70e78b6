import { log } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'

/** stderr of `exec` and `logs` comes from programs in pods, not from the API server. */
const speaksForOthers = (words: readonly string[]): boolean => ['exec', 'logs'].includes(words[0] ?? '')

/**
 * Logs the API server's warnings, `would violate PodSecurity ...` above all, each once a run: the same text comes with
 * every request.
 * @returns a function to call with each command's arguments and stderr
 */
export function createWarnings(): (words: readonly string[], stderr: string) => void {
  const said = new Set<string>()
  return (words, stderr) => {
    if (speaksForOthers(words)) return
    for (const [, text = ''] of stderr.matchAll(/^Warning: (.+)$/gm)) {
      if (said.has(text)) continue
      said.add(text)
      log.warn(`the API server warns: ${shortened(text, 400)}`)
    }
  }
}
