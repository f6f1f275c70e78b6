// The state of a systemd unit.

/** POSIX shell: prints the state of these units, a block of lines for each. A missing unit is `inactive`. Pure. */
export const unitWords = (...units: string[]): string =>
  `systemctl show ${units.join(' ')} -p ActiveState,SubState,NRestarts,InvocationID`

/** The state of a unit, see `systemctl show`. */
export interface UnitState {
  /** ActiveState: `active`, `activating`, `failed`, `inactive`; empty when systemd did not report it. */
  readonly state: string
  /** NRestarts: automatic restarts since the last manual start. */
  readonly restarts: number
  /** InvocationID: another one for every start; undefined before the first. */
  readonly invocation: string | undefined
  /** It is activating, and was not restarted automatically since its last manual start. */
  readonly isFirstTry: boolean
  /** It is neither active nor activating. */
  readonly isStopped: boolean
}

/** The state of the unit that is active or activating; else of one that is not inactive, as after a failure. Pure. */
export function unitIn(text: string): UnitState {
  const blocks = [...text.matchAll(/(?:^(?:ActiveState|SubState|NRestarts|InvocationID)=.*\n?)+/gm)].map(
    ([block]) => {
      const said = (key: string) => new RegExp(`^${key}=(.+)$`, 'm').exec(block)?.[1]
      const state = said('ActiveState') ?? ''
      const restarts = Number(/^\d+$/.exec(said('NRestarts') ?? '')?.[0] ?? 0)
      const isFirstTry = state === 'activating' && said('SubState') === 'start' && restarts === 0
      const isStopped = ['', 'inactive', 'failed'].includes(state)
      return { state, restarts, invocation: said('InvocationID'), isFirstTry, isStopped }
    },
  )
  const nothing = { state: '', restarts: 0, invocation: undefined, isFirstTry: false, isStopped: true }
  return (
    blocks.find(({ state }) => state.startsWith('activ')) ??
    blocks.find(({ state }) => state !== 'inactive') ??
    blocks[0] ??
    nothing
  )
}
