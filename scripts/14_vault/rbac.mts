import type { Manifest } from '../../lib/kube/types.mts'
import { webhookName } from '../../lib/kube/manifests/injection.mts'
import { certificateSecret, injectorName, injectorNamespace, leaderConfigMap } from './names.mts'

// RBAC of the injector. Pure. Tested with vault-k8s 1.7.6: it fails without any one of these rights (README, "Rights").

const group = 'rbac.authorization.k8s.io'
const subjects = [{ kind: 'ServiceAccount', namespace: injectorNamespace, name: injectorName }]

/** In the cluster: its own webhook object, and whether the node of a leader still exists. */
const cluster = [
  // A list request has no name that resourceNames could match.
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    verbs: ['list', 'watch'],
  },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    resourceNames: [webhookName],
    verbs: ['get', 'patch'],
  },
  { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
]

/** In its namespace: the Secret with its certificate, and the ConfigMap that names the leader. */
const own = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'list', 'watch'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [certificateSecret], verbs: ['update'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  // delete: for a leader on a node that is gone. Without it no new leader is elected until the node is back.
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: [leaderConfigMap],
    verbs: ['get', 'delete'],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'delete'] },
]

const clusterName = `keybuzz-${injectorName}`
const inNamespace = { namespace: injectorNamespace, name: injectorName }
const binding = (kind: 'ClusterRole' | 'Role', metadata: Manifest['metadata']) => ({
  apiVersion: `${group}/v1`,
  kind: `${kind}Binding`,
  metadata,
  roleRef: { apiGroup: group, kind, name: metadata?.name },
  subjects,
})

/** The injector's service account and its rights. */
export const rights = (): Manifest[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace },
  ...([
    { apiVersion: `${group}/v1`, kind: 'ClusterRole', metadata: { name: clusterName }, rules: cluster },
    binding('ClusterRole', { name: clusterName }),
    { apiVersion: `${group}/v1`, kind: 'Role', metadata: inNamespace, rules: own },
    binding('Role', inNamespace),
  ] as Manifest[]),
]
