/** One question to the API server. */
export interface Question {
  /** Path and query, encoded: `/api/v1/namespaces/n8n/pods?labelSelector=app%3Dn8n` */
  readonly path: string
  /** The kubectl command that asks the same, for the log and for errors: `get`, `pods`, `--namespace`, `n8n` */
  readonly words: readonly string[]
  /** Seconds until the whole answer must be there: 60 unless given. */
  readonly seconds?: number | undefined
  /** Not asked again while the server is unreachable: the caller does it itself. */
  readonly once?: boolean | undefined
  /** True where an absent object is an answer. */
  readonly mayMiss?: boolean
}

/** Gives the body; undefined for what does not exist where `mayMiss` says so. @throws KitError as Kubectl.run */
export type Ask = (question: Question) => Promise<string | undefined>
