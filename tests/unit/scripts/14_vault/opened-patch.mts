import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../../lib/base/files.mts'
import type { Container } from '../../../../lib/kube/types.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { settingsFor } from './settings.mts'

// Answers of an injector, made comparable, and those that the real one gave when they were recorded.

/** One operation of a JSON patch. */
export interface Operation {
  readonly op: string
  readonly path: string
  readonly value?: unknown
}

/** Settings of module 14 by method: with jwt also a CA and a namespace, so that both say all they can. */
export const settingsOf = (method: string): VaultSettings =>
  settingsFor({
    VAULT_AUTH_METHOD: method,
    ...(method === 'jwt' ? { VAULT_CA: 'the CA of the tests\n', VAULT_NAMESPACE: 'teams' } : {}),
  })

/** What the real vault-k8s 1.7.6 answered for the pod of the checks, by method. */
export const recorded = (): Record<string, unknown> =>
  JSON.parse(readFileSync(join(root, 'tests/fixtures/injected-check-pod.json'), 'utf8')) as Record<
    string,
    unknown
  >

const decoded = (text: string) => Buffer.from(text, 'base64').toString('utf8')

/** A container with the agent's configuration as an object: the real injector lists its files in another order each time. */
function withConfig(container: Container): object {
  const env = container.env?.map((one) => {
    if (one.name !== 'VAULT_CONFIG') return one
    const config = JSON.parse(decoded(one.value ?? '')) as { template: { destination: string }[] }
    const template = config.template.toSorted((a, b) => a.destination.localeCompare(b.destination))
    return { ...one, value: { ...config, template } }
  })
  return { ...container, ...(env === undefined ? {} : { env }) }
}

/** An answer with its patch as objects. The order of its operations and of everything else in them has a meaning. */
export function opened({ patch, ...answer }: Record<string, unknown>): Record<string, unknown> {
  if (typeof patch !== 'string') return answer
  const containers = /^\/spec\/(initContainers|containers)(\/-)?$/
  const operations = (JSON.parse(decoded(patch)) as Operation[]).map((one) =>
    containers.test(one.path) && one.op === 'add'
      ? {
          ...one,
          value: Array.isArray(one.value) ? one.value.map(withConfig) : withConfig(one.value as Container),
        }
      : one,
  )
  return { ...answer, operations }
}
