/** How a backend speaks to the operator. */
export interface Voice {
  /** It works, but somebody should know. Kept in the report. */
  readonly warn: (text: string, fix?: string) => void
  /** It is as it should be. */
  readonly said: (text: string) => void
}
