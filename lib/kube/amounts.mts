import { mebibyte, numberOf } from './quantity.mts'
import type { Container, PodSpec } from './types.mts'

// Pure: CPU and memory as Kubernetes counts them, and what a pod requests.

/** CPU and memory together. */
export interface Amount {
  readonly cpuMillis: number
  readonly memoryBytes: number
}

/** CPU and memory as quantities of Kubernetes: `500m`, `1Gi`. */
interface Quantities {
  readonly cpu?: string
  readonly memory?: string
}

export const nothing: Amount = { cpuMillis: 0, memoryBytes: 0 }

/** Rounded up as the scheduler does; not by what a double adds to 1.1 times 1000. */
const roundedUp = (number: number): number => Math.ceil(Number(number.toFixed(6)))

/** The amount of these quantities; nothing of an absent one. */
export const amountOf = ({ cpu, memory }: Quantities = {}): Amount => ({
  cpuMillis: roundedUp((numberOf(cpu) ?? 0) * 1000),
  memoryBytes: roundedUp(numberOf(memory) ?? 0),
})

export const plus = (a: Amount, b: Amount): Amount => ({
  cpuMillis: a.cpuMillis + b.cpuMillis,
  memoryBytes: a.memoryBytes + b.memoryBytes,
})

/** What is left of `a`: never less than nothing. */
export const minus = (a: Amount, b: Amount): Amount => ({
  cpuMillis: Math.max(0, a.cpuMillis - b.cpuMillis),
  memoryBytes: Math.max(0, a.memoryBytes - b.memoryBytes),
})

export const times = ({ cpuMillis, memoryBytes }: Amount, count: number): Amount => ({
  cpuMillis: cpuMillis * count,
  memoryBytes: memoryBytes * count,
})

const larger = (a: Amount, b: Amount): Amount => ({
  cpuMillis: Math.max(a.cpuMillis, b.cpuMillis),
  memoryBytes: Math.max(a.memoryBytes, b.memoryBytes),
})

/** True when `room` has both of `wanted`. */
export const fits = (wanted: Amount, room: Amount): boolean =>
  wanted.cpuMillis <= room.cpuMillis && wanted.memoryBytes <= room.memoryBytes

/** How many of `wanted` fit beside each other into `room`: Infinity of one that wants nothing. */
export const timesIn = (wanted: Amount, room: Amount): number =>
  Math.min(often(wanted.cpuMillis, room.cpuMillis), often(wanted.memoryBytes, room.memoryBytes))

const often = (wanted: number, room: number): number => (wanted === 0 ? Infinity : Math.floor(room / wanted))

/** `500m cpu`, `2 cpu` */
export const cpuText = ({ cpuMillis }: Amount): string =>
  `${cpuMillis % 1000 === 0 ? cpuMillis / 1000 : `${cpuMillis}m`} cpu`

/** `512Mi memory`, `1Gi memory`: whole mebibytes, rounded down. */
export function memoryText({ memoryBytes }: Amount): string {
  const mebibytes = Math.floor(memoryBytes / mebibyte)
  return `${mebibytes > 0 && mebibytes % 1024 === 0 ? `${mebibytes / 1024}Gi` : `${mebibytes}Mi`} memory`
}

/**
 * What the scheduler wants free on a node for a pod: its containers and sidecars together, or more while one of its init
 * containers runs.
 */
export function requestOf({ containers, initContainers = [], overhead }: PodSpec): Amount {
  let sidecars = nothing
  let starting = nothing
  for (const one of initContainers) {
    const during = plus(sidecars, ofContainer(one))
    starting = larger(starting, during)
    if (one.restartPolicy === 'Always') sidecars = during
  }
  const serving = containers.reduce((sum, one) => plus(sum, ofContainer(one)), sidecars)
  return plus(larger(serving, starting), amountOf(overhead))
}

/** A request that is not given is the limit: the API server fills it in. */
const ofContainer = ({ resources }: Container): Amount =>
  amountOf({ ...(resources?.limits as Quantities), ...(resources?.requests as Quantities) })
