import { setTimeout as pause } from 'node:timers/promises'
import { mostOutputBytes } from '../base/collect.mts'
import { awaitedLater } from '../base/concurrency.mts'
import { hasCode, messageOf } from '../base/errors.mts'
import { record } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'
import type { Kubectl } from './kubectl.mts'
import { isUnreachable } from './retry.mts'
import type { LiveObject } from './types.mts'

/** The current objects of one kind in a namespace, kept up to date by a watch. */
export interface Watched {
  /** By metadata.name. */
  readonly objects: ReadonlyMap<string, LiveObject>
  /** Names of objects that were deleted while the watch ran. */
  readonly deleted: ReadonlySet<string>
  /** True once its first list has arrived: an object that is not in `objects` was not there then. */
  isListed(): boolean
  /** Ends the watch and waits for its end. */
  stop(): Promise<void>
}

/** One event of a watch (Kubernetes API, meta/v1). The object of an ERROR is a Status. */
interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: LiveObject
}

/** Milliseconds from one start of a watch to the next. */
const pauseMs = 1000

/**
 * Watches a kind without polling. A watch that ends (API server restarted, connection lost) goes on from the last
 * version it has seen, by another server if need be; with a fresh list when the server no longer has that version (410)
 * or the watch cannot be read. It ends with `stop`: the caller's deadline is the only limit. Until that list arrives,
 * what was known stays: a lost connection deletes nothing. Errors go to the log file and are never thrown.
 * @param kind as kubectl names it: `deployments.apps`
 * @param onChange called after each change
 */
export function watchKind(kubectl: Kubectl, kind: string, namespace: string, onChange: () => void): Watched {
  const objects = new Map<string, LiveObject>()
  const deleted = new Set<string>()
  let listedOnce = false
  /** The version the next watch goes on from; undefined: from a list. */
  let version: string | undefined
  const stopping = new AbortController()
  const { signal } = stopping
  const stopped = awaitedLater(
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')))
    }),
  )
  const take = (document: unknown) => {
    const { type, object } = document as WatchEvent
    // The server has forgotten the version this watch was at (410 Gone), or ends it for another reason.
    if (type === 'ERROR') throw new Error(shortened(String(object['message']), 500))
    const { name, resourceVersion } = object.metadata
    version = resourceVersion ?? version
    if (type === 'DELETED') {
      objects.delete(name)
      deleted.add(name)
    } else if (type === 'ADDED' || type === 'MODIFIED') {
      objects.set(name, object)
      deleted.delete(name)
    }
    onChange()
  }
  const replaceAll = (listed: readonly LiveObject[]) => {
    objects.clear()
    for (const one of listed) {
      objects.set(one.metadata.name, one)
      deleted.delete(one.metadata.name)
    }
    listedOnce = true
    onChange()
  }
  /** One watch, until it ends. */
  const follow = async () => {
    // A list under way does not hold `stop` up.
    const opened = await Promise.race([kubectl.api.watch(kind, namespace, signal, version), stopped])
    version = opened.version
    if (opened.objects !== undefined) replaceAll(opened.objects)
    const read = jsonDocuments(take)
    const decoder = new TextDecoder()
    try {
      for await (const piece of opened.events as AsyncIterable<Buffer>)
        read(decoder.decode(piece, { stream: true }))
    } catch (thrown) {
      if (isLost(thrown)) return messageOf(thrown)
      throw thrown
    }
    return 'by the server'
  }
  const keepWatching = async () => {
    while (!signal.aborted) {
      const started = performance.now()
      const why = await follow().catch((thrown: unknown) => {
        if (!isUnreachable(thrown)) version = undefined
        return messageOf(thrown)
      })
      if (signal.aborted) return
      record(`watch of ${kind} ended: ${why}`)
      const left = pauseMs - (performance.now() - started)
      if (left > 0) await pause(left, undefined, { signal }).catch(() => {})
    }
  }
  const watching = keepWatching()
  return {
    objects,
    deleted,
    isListed: () => listedOnce,
    async stop() {
      stopping.abort()
      await watching
    },
  }
}

/** True for a connection that was cut while a watch was read, by the network or because its server is left. */
const isLost = (thrown: unknown): boolean =>
  hasCode(thrown, 'ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR')

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
