import { namesOf } from '../../lib/base/names.mts'

/** What this module is known by. */
export const identity = { number: 15, slug: 'llm' } as const

export const names = namesOf(identity)

/** The names of its Secrets; with SECRETS=vault none of them is made. */
export const secretNames = {
  litellm: 'litellm',
  keys: 'llm-keys',
  files: 'llm-files',
  qdrant: 'qdrant',
} as const

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'litellm' | 'qdrant', string>>

/** The port of LiteLLM, and of its Service. */
export const proxyPort = 4000
/** The ports of Qdrant: REST and gRPC. */
export const qdrantPorts = { http: 6333, grpc: 6334 } as const
/** The port of the checks' pod. */
export const checksPort = 8080

/** Names of Deployments and Services that a service of the operator cannot have. */
export const ownNames: readonly string[] = ['litellm', 'qdrant', 'llm-checks', 'registry']

/** The two models of the checks. Their provider is inside the cluster and costs nothing. */
export const checkModels = { plain: 'keybuzz-check', limited: 'keybuzz-check-limited' } as const
/** Requests a minute that the second one accepts, over all pods. */
export const checkLimit = 3
