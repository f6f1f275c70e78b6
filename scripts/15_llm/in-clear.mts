import { isIP } from 'node:net'
import { isLoopback } from '../../lib/base/loopback.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { modelsOf } from './config.mts'
import type { LlmSettings } from './settings.mts'

// The operator's keys that pods send unencrypted to addresses that the operator set.

/** True for a Service of any namespace: the kit's own connections within a cluster are not encrypted either. */
const isInCluster = (host: string): boolean =>
  isIP(host) === 0 && (!host.includes('.') || /\.svc(\.cluster\.local)?$/.test(host))

/** The host and port of an `http://` address outside the cluster; else undefined. */
function clear(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  const { protocol, hostname, host } = new URL(address)
  const stays = isInCluster(hostname) || isLoopback(hostname)
  return protocol === 'https:' || stays ? undefined : shortened(host, 120)
}

/**
 * A warning for the external vector store, and for each model with a key, whose address is `http://`.
 * @throws KitError exit 2, see modelsOf
 */
export function inClear(settings: LlmSettings): { text: string; fix: string }[] {
  const files = `credentials/${settings.ENV}/15_llm`
  const store = clear(settings.VECTOR_STORE_URL)
  const models = modelsOf(settings).flatMap(({ alias, key, base }) => {
    const at = key === undefined ? undefined : clear(base)
    if (at === undefined) return []
    return [
      {
        text: `model ${alias} at ${at} is not encrypted: its key and all that is asked pass in clear`,
        fix: `give it an https:// address in ${files}.models.yml`,
      },
    ]
  })
  if (store === undefined) return models
  const text = `the vector store ${store} is not encrypted: its key and all vectors pass in clear`
  return [{ text, fix: `give VECTOR_STORE_URL an https:// address in ${files}.env` }, ...models]
}
