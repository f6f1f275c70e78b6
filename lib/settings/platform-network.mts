import type { Setting } from './settings.mts'
import { isAddressOrCidr, isPort, itemsOf, listOf, type Rule } from './validators.mts'

/** `ADDRESS`, `ADDRESS/BITS`, each with or without `:PORT`. */
const isTarget: Rule = (value) => {
  const [range = '', port] = value.split(/:(?=\d+$)/)
  return isAddressOrCidr(range) ?? (port === undefined ? undefined : isPort(port))
}

/** Settings of the NetworkPolicies, for every module that declares flows. */
export const network = [
  {
    key: 'NETWORK_POLICIES',
    title: 'NetworkPolicies',
    help: 'proven: applied where module 9 has proven that the cluster enforces them. off: none',
    kind: 'choice',
    choices: ['proven', 'off'],
    default: 'proven',
  },
  {
    key: 'PRIVATE_TARGETS',
    title: 'Private addresses applications may reach',
    help: 'Beside their backends, for workflows and webhooks: ADDRESS, ADDRESS/BITS, ADDRESS:PORT, comma-separated. NetworkPolicies refuse other private addresses',
    kind: 'text',
    optional: true,
    validate: listOf(isTarget),
  },
] as const satisfies readonly Setting[]

/** Parses PRIVATE_TARGETS. @param text the setting, valid @returns an address or CIDR range each; empty without text */
export const targetsOf = (text: string | undefined): { readonly range: string; readonly port?: number }[] =>
  itemsOf(text).map((item) => {
    const [range = '', port] = item.split(/:(?=\d+$)/)
    return port === undefined ? { range } : { range, port: Number(port) }
  })
