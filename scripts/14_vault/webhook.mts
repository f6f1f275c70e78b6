import { selector } from '../../lib/kube/manifests/objects.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { injectionLabel, injectorName, injectorNamespace, webhookName } from './names.mts'

/** The pods of the injector. */
export const injectorLabels = selector(injectorName, 'injector')

/** The annotation by which a pod asks for injection. */
export const injectAnnotation = 'vault.hashicorp.com/agent-inject'

/**
 * The webhook. failurePolicy Fail: a pod that asks for secrets never starts without them. It can block nothing else: it is
 * asked only in labelled namespaces, only about pods with the annotation, never about its own.
 *
 * There is no caBundle: the injector writes it, and owns that field (vault-k8s patches the first webhook only).
 */
export const webhook = (): Manifest =>
  ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: webhookName },
    webhooks: [
      {
        name: 'vault.hashicorp.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        matchPolicy: 'Exact',
        timeoutSeconds: 10,
        rules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE'],
            resources: ['pods'],
            scope: 'Namespaced',
          },
        ],
        namespaceSelector: { matchLabels: { ...injectionLabel } },
        objectSelector: {
          matchExpressions: [{ key: 'app.kubernetes.io/name', operator: 'NotIn', values: [injectorName] }],
        },
        matchConditions: [
          {
            name: 'asks-for-injection',
            expression: `has(object.metadata.annotations) && '${injectAnnotation}' in object.metadata.annotations`,
          },
        ],
        clientConfig: {
          service: { namespace: injectorNamespace, name: injectorName, path: '/mutate', port: 443 },
        },
      },
    ],
  }) as Manifest
