/** One GET request to the API server. */
export interface Question {
  /** Path and query, encoded: `/api/v1/namespaces/n8n/pods?labelSelector=app%3Dn8n` */
  readonly path: string
  /** The kubectl command for the same request, for the log and for errors: `get`, `pods`, `--namespace`, `n8n` */
  readonly words: readonly string[]
  /** Seconds until the whole response must be there: 60 unless given. */
  readonly seconds?: number | undefined
  /** Not repeated while the server is unreachable: the caller repeats it itself. */
  readonly once?: boolean | undefined
  /** True when HTTP 404 is a result, not an error. */
  readonly mayMiss?: boolean
}

/**
 * Sends a request and returns the body; undefined for HTTP 404 with `mayMiss`.
 * @throws KitError as Kubectl.run; exit 12 when the folder for the socket of `kubectl proxy` cannot be made
 */
export type Ask = (question: Question) => Promise<string | undefined>
