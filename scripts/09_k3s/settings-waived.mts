/** The setting WAIVED: `host.cgroup: no reboot before Friday; host.docker: the registry mirror`, by id. */
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

/** One sentence when a waiver gives no reason: whoever reads the report must know why. */
export const waivedProblem = (text: string): string | undefined => {
  const without = [...waivedOf(text)].find(([, reason]) => reason === '')
  return without === undefined
    ? undefined
    : `must give a reason for ${without[0]}, as in "${without[0]}: why; ..."`
}
