import type { Api } from '../../../lib/kube/api.mts'
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

/** A stand-in of an Api without an API server: `answer` gives the objects for each question, the first one for `get`. */
export function fakeApi(answer: (asked: Asked) => unknown): Api {
  const objects = async (asked: Asked): Promise<LiveObject[]> => [...((await answer(asked)) as LiveObject[])]
  return {
    list: (kinds, { namespace, selector } = {}) => objects({ verb: 'list', kinds, namespace, selector }),
    get: async (kinds, name, namespace) => (await objects({ verb: 'get', kinds, name, namespace }))[0],
    find: () => objects({ verb: 'find', kinds: '' }),
    raw: () => Promise.reject(new Error('no path is served here')),
  }
}
