// How systemd says a service stands.

/** A line of a POSIX script: the state of these units, a block for each. Units that are not there are `inactive`. */
export const unitWords = (...units: string[]): string =>
  `systemctl show ${units.join(' ')} -p ActiveState,SubState,NRestarts,InvocationID`

/** A unit that runs or starts; of a host with none, one that does not. */
export interface UnitState {
  /** `active`, `activating`, `failed`, `inactive`; empty where systemd did not say. */
  readonly state: string
  /** Starts by systemd itself since it was last told to. */
  readonly restarts: number
  readonly invocation: string | undefined
  /** It starts, and never ended since it was told to. */
  readonly isFirstTry: boolean
  /** It neither runs nor tries to. */
  readonly isStopped: boolean
}

/** The block of a unit that runs or starts; else of one that is not at rest, as after a failure. Pure. */
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
