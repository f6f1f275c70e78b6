import { log } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'

/** Programs of pods write what they like on their own stderr. */
const speaksForOthers = (words: readonly string[]): boolean => ['exec', 'logs'].includes(words[0] ?? '')

/**
 * Says what the API server warns of, `would violate PodSecurity ...` above all, each once a run: the same words come
 * with every request.
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
