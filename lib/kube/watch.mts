import type { LiveObject } from './types.mts'
import { kubectlError } from './kubectl-errors.mts'
import type { Kubectl } from './kubectl.mts'
import { mostOutputBytes } from '../base/collect.mts'
import { messageOf } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import { record } from '../base/log.mts'
import { stream, type Streaming } from '../base/command.mts'

/** The current objects of one kind in a namespace, kept up to date by a watch. */
export interface Watched {
  /** By metadata.name. */
  readonly objects: ReadonlyMap<string, LiveObject>
  /** Names of objects that were deleted while the watch ran. */
  readonly deleted: ReadonlySet<string>
  /** Ends the watch and waits for its kubectl to end. */
  stop(): Promise<void>
}

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: LiveObject
}

/** Milliseconds before a watch that ended is started again. */
const pauseMilliseconds = 1000

/**
 * Milliseconds after which a restarted watch without events requests the list: neither an empty list nor an API server
 * that hangs produces an event.
 */
const usualSilenceMs = 10_000

/**
 * Watches a kind without polling. A watch that ends (API server restarted, connection lost) is started again with a
 * fresh list until `stop`: the caller's deadline is the only limit. Errors go to the log file and are never thrown.
 * @param kind as kubectl names it: `deployments.apps`
 * @param onChange called after each change
 * @param silenceMs see usualSilenceMs
 */
export function watchKind(
  kubectl: Kubectl,
  kind: string,
  namespace: string,
  onChange: () => void,
  silenceMs = usualSilenceMs,
): Watched {
  const objects = new Map<string, LiveObject>()
  const deleted = new Set<string>()
  const words = ['get', kind, '--namespace', namespace, '--watch', '--output-watch-events', '-o', 'json']
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Streaming
  let silent: NodeJS.Timeout | undefined
  /** True until the new list arrives. Objects known before are kept so long: a lost connection deletes nothing. */
  let renewing = false
  const forget = () => {
    renewing = false
    clearTimeout(silent)
    objects.clear()
  }
  const relist = async () => {
    try {
      const list = await kubectl.api.list(kind, { namespace }, { once: true })
      // The restarted watch may have delivered its list meanwhile.
      if (!renewing || stopped) return
      forget()
      for (const one of list) objects.set(one.metadata.name, one)
      onChange()
    } catch (thrown) {
      record(`list of ${kind}: ${messageOf(thrown)}`)
      if (renewing && !stopped) silent = setTimeout(() => void relist(), silenceMs)
    }
  }
  const take = (document: unknown) => {
    const { type, object } = document as WatchEvent
    if (renewing) forget()
    // More than 500 objects come as Lists of 500 at the beginning (seen with kubectl 1.36).
    for (const one of 'items' in object ? (object['items'] as LiveObject[]) : [object]) {
      const { name } = one.metadata
      if (type === 'DELETED') {
        objects.delete(name)
        deleted.add(name)
      } else if (type === 'ADDED' || type === 'MODIFIED') {
        objects.set(name, one)
        deleted.delete(name)
      }
    }
    onChange()
  }
  const begin = () => {
    running = stream([...kubectl.words, ...words], jsonDocuments(take), ({ code, stderr }) => {
      if (code !== 0)
        record(
          code === null
            ? `watch of ${kind} ended: ${shortened(stderr, 500)}`
            : `watch of ${kind} ended: ${kubectlError(words, { code, stderr }).message}`,
        )
      clearTimeout(silent)
      if (!stopped) timer = setTimeout(beginAgain, pauseMilliseconds)
    })
  }
  const beginAgain = () => {
    renewing = true
    silent = setTimeout(() => void relist(), silenceMs)
    begin()
  }
  begin()
  return {
    objects,
    deleted,
    async stop() {
      stopped = true
      clearTimeout(timer)
      clearTimeout(silent)
      await running.stop()
    },
  }
}

/**
 * Splits a stream of concatenated JSON documents, such as the output of `kubectl get --watch -o json`. Text may arrive
 * cut anywhere.
 * @param onDocument called with each complete document, parsed
 * @returns a function to call with each chunk of text; it throws SyntaxError for invalid JSON, and Error for a document
 * of more than 64 Mi characters
 */
export function jsonDocuments(onDocument: (document: unknown) => void): (text: string) => void {
  let pending = ''
  let depth = 0
  let inString = false
  let escaped = false
  return (text) => {
    let from = 0
    for (let at = 0; at < text.length; at += 1) {
      const character = text.charAt(at)
      if (escaped) escaped = false
      else if (inString) {
        if (character === '\\') escaped = true
        else if (character === '"') inString = false
      } else if (character === '"') inString = true
      else if (character === '{' || character === '[') depth += 1
      else if (character === '}' || character === ']') {
        depth -= 1
        if (depth > 0) continue
        onDocument(JSON.parse(pending + text.slice(from, at + 1)))
        pending = ''
        from = at + 1
      }
    }
    pending += text.slice(from)
    if (pending.length > mostOutputBytes) throw new Error('a document without an end')
  }
}
