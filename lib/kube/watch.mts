import { setTimeout as pause } from 'node:timers/promises'
import { mostOutputBytes } from '../base/collect.mts'
import { messageOf } from '../base/errors.mts'
import { record } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'
import type { Kubectl } from './kubectl.mts'
import type { LiveObject } from './types.mts'

/** The current objects of one kind in a namespace, kept up to date by a watch. */
export interface Watched {
  /** By metadata.name. */
  readonly objects: ReadonlyMap<string, LiveObject>
  /** Names of objects that were deleted while the watch ran. */
  readonly deleted: ReadonlySet<string>
  /** Ends the watch and waits for its end. */
  stop(): Promise<void>
}

/** One event of a watch (Kubernetes API, meta/v1). The object of an ERROR is a Status. */
interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: LiveObject
}

/** Milliseconds before a watch that ended is started again. */
const pauseMs = 1000

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
  const stopping = new AbortController()
  const { signal } = stopping
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
      if (!renewing || signal.aborted) return
      forget()
      for (const one of list) objects.set(one.metadata.name, one)
      onChange()
    } catch (thrown) {
      record(`list of ${kind}: ${messageOf(thrown)}`)
      if (renewing && !signal.aborted) silent = setTimeout(() => void relist(), silenceMs)
    }
  }
  const take = (document: unknown) => {
    const { type, object } = document as WatchEvent
    // The server has forgotten the version this watch was at (410 Gone), or ends it for another reason.
    if (type === 'ERROR') throw new Error(shortened(String(object['message']), 500))
    if (renewing) forget()
    const { name } = object.metadata
    if (type === 'DELETED') {
      objects.delete(name)
      deleted.add(name)
    } else if (type === 'ADDED' || type === 'MODIFIED') {
      objects.set(name, object)
      deleted.delete(name)
    }
    onChange()
  }
  /** One watch, until it ends. */
  const follow = async () => {
    const read = jsonDocuments(take)
    const decoder = new TextDecoder()
    const body = await kubectl.api.watch(kind, namespace, signal)
    for await (const piece of body as AsyncIterable<Buffer>) read(decoder.decode(piece, { stream: true }))
    return 'by the server'
  }
  const keepWatching = async () => {
    while (!signal.aborted) {
      const why = await follow().catch(messageOf)
      clearTimeout(silent)
      if (signal.aborted) return
      record(`watch of ${kind} ended: ${why}`)
      await pause(pauseMs, undefined, { signal }).catch(() => {})
      renewing = true
      silent = setTimeout(() => void relist(), silenceMs)
    }
  }
  const watching = keepWatching()
  return {
    objects,
    deleted,
    async stop() {
      stopping.abort()
      await watching
      clearTimeout(silent)
    },
  }
}

/**
 * Splits a stream of concatenated JSON documents, such as the events of a watch. Text may arrive
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
