import { applicationNamespace } from '../../lib/kube/manifests/pull-secret.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { reviewerName, reviewerNamespace, reviewerSecret } from './names.mts'

const account = { namespace: reviewerNamespace, name: reviewerName }

/**
 * The service account with which Vault sends TokenReviews. Its token is valid until it is deleted; a projected one
 * would expire. It has a namespace of its own: the injector may read every Secret of the injector's namespace.
 */
export const reviewer = (): Manifest[] =>
  [
    ...applicationNamespace(reviewerNamespace, {}),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `keybuzz-${reviewerName}` },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:auth-delegator',
      },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    },
    // Kubernetes writes the token into it.
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        namespace: reviewerNamespace,
        name: reviewerSecret,
        annotations: { 'kubernetes.io/service-account.name': reviewerName },
      },
      type: 'kubernetes.io/service-account-token',
    },
  ] as Manifest[]
