/** One change that preparation makes on a host. */
export interface Task {
  /** The change in one phrase, for plan and messages. */
  readonly what: string
  /** Files that must exist, with four octal digits as mode; written only when they differ. */
  readonly files?: readonly { readonly path: string; readonly mode: string; readonly content: string }[]
  /** A command to run now; undefined when the host is already in the wanted state. */
  readonly words?: readonly string[]
}
