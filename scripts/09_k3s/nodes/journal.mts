import { shortened } from '../../../lib/base/sensitive.mts'
import type { Host } from '../../../lib/hosts/host.mts'

/**
 * What systemd says of every process that outlives the service (containerd-shim: the pods go on when K3s ends, two
 * lines for each at every restart), seen on systemd 252: it buries what the service said itself.
 */
const aboutLeftovers =
  /: (Unit process \d+ .* remains running after unit stopped|Found left-over process \d+ .* in control group|This usually indicates unclean termination)/

/** The newest lines of a unit's journal that tell why it ended, each cut to what fits a screen. Pure. */
export const lastWordsIn = (journal: string): string[] =>
  journal
    .trim()
    .split('\n')
    // An expression with .* takes the square of a line's length.
    .map((line) => shortened(line, 4000))
    .filter((line) => !aboutLeftovers.test(line))
    .slice(-12)
    .map((line) => shortened(line, 200))

/** What this unit said last on this host. */
export async function lastWordsOf(host: Host, unit: string): Promise<string[]> {
  const { stdout } = await host.read(['journalctl', '-u', unit, '-n', '400', '--no-pager', '-o', 'cat'])
  return [`the last words of ${unit}:`, ...lastWordsIn(stdout)]
}
