/**
 * Parses the setting WAIVED: `host.cgroup: no reboot before Friday; host.docker: the registry mirror`. Pure.
 * @returns the reasons by the id of the check; a reason may be empty
 */
export const waivedOf = (text: string | undefined): Map<string, string> =>
  new Map(
    (text ?? '')
      .split(';')
      .map((item) => item.trim())
      .filter(Boolean)
      .map((item) => {
        const [id = '', ...reason] = item.split(':')
        return [id.trim(), reason.join(':').trim()]
      }),
  )

/** The problem, in one sentence, when a waiver has no reason, which the report must show; else undefined. */
export const waivedProblem = (text: string): string | undefined => {
  const without = [...waivedOf(text)].find(([, reason]) => reason === '')
  return without === undefined
    ? undefined
    : `must give a reason for ${without[0]}, as in "${without[0]}: why; ..."`
}
