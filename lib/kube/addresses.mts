import type { LiveObject } from './types.mts'

// IPv4 addresses of nodes, and those from which their packets reach pods. Pure: from Node objects.

/**
 * Pod ranges counted beyond the last one in use. A Node created later gets any free range without a run of the kit, and
 * its ingress controller must reach pods at once.
 */
const spare = 16

/** InternalIP and ExternalIP of the nodes, each once: IPv4 only, as everywhere in the kit. */
export const nodeAddresses = (nodes: readonly LiveObject[]): string[] => [
  ...new Set(
    nodes.flatMap(({ status }) => {
      const { addresses = [] } = (status ?? {}) as { addresses?: { type: string; address: string }[] }
      return addresses.flatMap(({ type, address }) =>
        (type === 'InternalIP' || type === 'ExternalIP') && /^[\d.]+$/.test(address) ? [address] : [],
      )
    }),
  ),
]

/**
 * Every address from which packets of hosts reach pods of other nodes: the nodes' own (host-gw), and the first address
 * of each pod range (VXLAN, WireGuard), in use or for a Node created later. No pod has the first address of a range.
 * @param podRange the pod range of the whole cluster: `10.42.0.0/16`
 */
export function hostSources(nodes: readonly LiveObject[], podRange: string): string[] {
  const [first, size] = numbersOf(podRange)
  const own = nodes.flatMap(({ spec }) => {
    const { podCIDR } = (spec ?? {}) as { podCIDR?: string }
    return podCIDR === undefined || !podCIDR.includes('.') ? [] : [numbersOf(podCIDR)]
  })
  const step = own[0]?.[1] ?? 256
  const last = Math.max(first, ...own.map(([start]) => start)) + spare * step
  const count = Math.min(Math.floor((last - first) / step) + 1, Math.floor(size / step))
  const starts = Array.from({ length: count }, (_, at) => first + at * step)
  return [...nodeAddresses(nodes), ...starts.map(addressOf)]
}

/** An IPv4 address or range as the API server requires it: first address and prefix length, 32 for an address. */
export function canonicalRange(range: string): string {
  const [, bits = '32'] = range.split('/')
  return `${addressOf(numbersOf(range)[0])}/${bits}`
}

/** First address of an IPv4 range as a number, and how many addresses it has. */
function numbersOf(range: string): [first: number, size: number] {
  const [address = '', bits = '32'] = range.split('/')
  const size = 2 ** (32 - Number(bits))
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  return [Math.floor(number / size) * size, size]
}

const addressOf = (number: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join('.')
