import type { IncomingMessage } from 'node:http'
import { addAbortSignal, PassThrough } from 'node:stream'
import type { Api, Watching } from '../../../lib/kube/api.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'

/** One question for objects. */
export interface Asked {
  readonly verb: 'list' | 'get' | 'find'
  /** As kubectl names them; empty for `find`. */
  readonly kinds: string
  readonly name?: string
  readonly namespace?: string | undefined
  readonly selector?: string | undefined
}

const none = (what: string) => () => Promise.reject(new Error(`nothing is ${what} here`))

/**
 * A stand-in of an Api without an API server.
 * @param answer gives the objects for each question, the first one for `get`
 * @param more what else the test needs: by itself nothing is written, watched or served at a path
 */
export function fakeApi(answer: (asked: Asked) => unknown, more: Partial<Api> = {}): Api {
  const objects = async (asked: Asked): Promise<LiveObject[]> => [...((await answer(asked)) as LiveObject[])]
  return {
    list: (kinds, { namespace, selector } = {}) => objects({ verb: 'list', kinds, namespace, selector }),
    get: async (kinds, name, namespace) => (await objects({ verb: 'get', kinds, name, namespace }))[0],
    find: () => objects({ verb: 'find', kinds: '' }),
    raw: none('served'),
    watch: none('watched'),
    apply: none('applied'),
    create: none('created'),
    replace: none('replaced'),
    remove: none('deleted'),
    removeAll: none('deleted'),
    post: none('posted'),
    ...more,
  }
}

/** An empty list and the watch from it: these texts, and no end before `signal`. */
export function watchOf(signal: AbortSignal, ...texts: string[]): Watching {
  const body = new PassThrough()
  for (const text of texts) body.write(text)
  return { objects: [], version: '1', events: addAbortSignal(signal, body) as unknown as IncomingMessage }
}

/** The event of an object that is new. */
export const added = (object: object): string => `${JSON.stringify({ type: 'ADDED', object })}\n`
