// What this module calls its things. One injector serves the whole cluster: no name has an environment in it.

/** What this module is known by. */
export const identity = { number: 14, slug: 'vault' } as const

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'vault-k8s' | 'vault-agent', string>>

/** The namespace of the injector. It may read every Secret of that namespace: nothing else is in it. */
export const injectorNamespace = 'vault-injector'
/** The injector's Deployment, Service, service account and roles. */
export const injectorName = 'vault-injector'
/** The port of the injector, HTTPS. */
export const injectorPort = 8080

/** The MutatingWebhookConfiguration; the injector writes its own CA into it. */
export const webhookName = 'keybuzz-vault-injector'
/** The label of namespaces whose pods may ask for injection. */
export const injectionLabel = { 'keybuzz.io/vault-injection': 'enabled' } as const

/** Objects the injector makes by itself, in its namespace (vault-k8s helper/cert, leader). */
export const certificateSecret = 'vault-injector-certs'
export const leaderConfigMap = 'vault-k8s-leader'

/** The namespace, service account and long-lived token by which Vault asks the API server about other tokens. */
export const reviewerNamespace = 'vault-reviewer'
export const reviewerName = 'vault-reviewer'
export const reviewerSecret = 'vault-reviewer-token'

/** The namespace, service account and Deployment of the pod that proves injection. */
export const checkNamespace = 'vault-check'
export const checkName = 'vault-check'
/** The file that pod gets from Vault, and the last word of its path there. */
export const checkFile = 'check'

/** Who may read the tokens that pods show to Vault. */
export const audience = 'vault'
