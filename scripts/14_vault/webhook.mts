import { selector } from '../../lib/kube/manifests/objects.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { injectAnnotation, webhookName } from '../../lib/kube/manifests/injection.mts'
import { injectionLabel } from '../../lib/kube/manifests/injection-label.mts'
import { injectorName, injectorNamespace } from './names.mts'

/** The labels of the injector's pods. */
export const injectorLabels = selector(injectorName, 'injector')

/** The name of the webhook, as the API server says it when the injector does not answer. */
export const injectingWebhook = 'vault.hashicorp.com'

/**
 * The webhook. failurePolicy Fail: a pod that requests secrets never starts without them. It cannot block other pods:
 * the API server calls it only in labelled namespaces, only for pods with the annotation, never for the injector's.
 *
 * It has no caBundle: the injector writes and owns that field (vault-k8s patches the first webhook only).
 */
export const webhook = (): Manifest =>
  ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: webhookName },
    webhooks: [
      {
        name: injectingWebhook,
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
