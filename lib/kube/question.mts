/** What a request writes. */
export interface Change {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON. It may hold sensitive values: it is neither logged nor part of an error. */
  readonly body: unknown
  /** `application/json` unless given. */
  readonly contentType?: string
}

/** Seconds the API server may take to respond, unless a question says otherwise. */
export const usualSeconds = 60

/** One request to the API server. */
export interface Question {
  /** Path and query, encoded: `/api/v1/namespaces/n8n/pods?labelSelector=app%3Dn8n` */
  readonly path: string
  /** The kubectl command that does the same, for the log and for errors: `get`, `pods`, `--namespace`, `n8n` */
  readonly words: readonly string[]
  /** Absent for a GET. */
  readonly change?: Change
  /** Seconds until the whole response must be there: `usualSeconds` unless given. */
  readonly seconds?: number | undefined
  /** Never sent again: the caller repeats a question itself, and whether a write was done is unknown then. */
  readonly once?: boolean | undefined
  /** Sent again only to another server, when one answers: the caller repeats it itself. */
  readonly movesOn?: boolean
  /** Sent also after Ctrl-C, and never again: for what a run must give back, such as its lock. */
  readonly runDespiteInterrupt?: boolean | undefined
  /** HTTP statuses that say that there is no such object, where that is an answer: 404. */
  readonly absentAt?: readonly number[]
}

/** Gives the body; undefined for what `absentAt` names. @throws KitError as Kubectl.run */
export type Ask = (question: Question) => Promise<string | undefined>
