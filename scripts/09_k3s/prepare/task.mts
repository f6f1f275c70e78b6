/** One thing preparation makes so on a host. */
export interface Task {
  readonly what: string
  /** Files that must be there; written only when they differ. */
  readonly files?: readonly { readonly path: string; readonly mode: string; readonly content: string }[]
  /** A command to run now; none when the host is so already. */
  readonly words?: readonly string[]
}
