import { injectorAt } from '../../lib/kube/manifests/injection.mts'

// Names of this module's objects. One injector serves the whole cluster: no name contains an environment.

/** What this module is known by. */
export const identity = { number: 14, slug: 'vault' } as const

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'vault-k8s' | 'vault-agent', string>>

/** The namespace of the injector. The injector may read every Secret there, so it contains nothing else. */
export const injectorNamespace = injectorAt.namespace
/** The injector's Deployment, Service, service account and roles. */
export const injectorName = injectorAt.name
/** The HTTPS port of the injector. */
export const injectorPort = 8080

/** Objects that the injector itself creates in its namespace (vault-k8s helper/cert, leader). */
export const certificateSecret = 'vault-injector-certs'
export const leaderConfigMap = 'vault-k8s-leader'

/** The namespace, service account and long-lived token with which Vault sends TokenReviews to the API server. */
export const reviewerNamespace = 'vault-reviewer'
export const reviewerName = 'vault-reviewer'
export const reviewerSecret = 'vault-reviewer-token'

/** The namespace, service account and Deployment of the pod that proves injection. */
export const checkNamespace = 'vault-check'
export const checkName = 'vault-check'
/** The file that this pod gets from Vault, and the last part of its path there. */
export const checkFile = 'check'
