import { exitCodes, KitError, messageOf } from '../../lib/base/errors.mts'
import type { Condition } from '../../lib/base/poll.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import type { Deployment, Manifest, PodSpec } from '../../lib/kube/types.mts'
import { checkName, checkNamespace, leaderConfigMap } from './names.mts'

// A pod that is created on trial: the API server asks the injector about it, and stores nothing.

/** The containers the injector adds to a pod. */
export const added: readonly string[] = ['vault-agent-init', 'vault-agent']

/** Where a trial is made, and whether the pod asks for injection. */
export interface Trial {
  readonly namespace: string
  readonly asks: boolean
}

/** The Deployment of the checks, as it is. @throws KitError exit 10 when it is not there */
export async function liveCheckPod(kube: KubeReader): Promise<Deployment> {
  const live = await kube.get('deployments.apps', checkName, checkNamespace)
  if (live !== undefined) return live as unknown as Deployment
  throw new KitError(`there is no Deployment ${checkName} in ${checkNamespace}`, {
    exitCode: exitCodes.validationFailed,
  })
}

/**
 * Which containers the injector adds to such a pod.
 * @param one the Deployment the pod is like
 * @throws KitError exit 8 or 9 when the pod is refused
 */
export async function addedTo(
  kube: KubeReader,
  { spec }: Deployment,
  { namespace, asks }: Trial,
): Promise<string[]> {
  const { metadata, spec: pod } = spec?.template ?? {}
  const stored = await kube.wouldCreate({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'keybuzz-trial',
      namespace,
      ...(asks ? { annotations: metadata?.annotations ?? {} } : {}),
    },
    // Each namespace has an account of this name.
    spec: { ...pod, serviceAccountName: 'default' },
  } as Manifest)
  const { containers, initContainers = [] } = stored['spec'] as PodSpec
  return [...initContainers, ...containers].map(({ name }) => name).filter((name) => added.includes(name))
}

/**
 * That the injector changes such a pod: from its first start it takes some seconds until its CA is in the webhook, and a
 * pod made before that is refused.
 */
export const injectionWorks = (kube: KubeReader, one: Deployment): Condition => ({
  what: 'the injector',
  seconds: 60,
  missing: () =>
    addedTo(kube, one, { namespace: checkNamespace, asks: true }).then(
      (names) => (names.length === added.length ? '' : 'a pod that asks gets nothing'),
      (thrown: unknown) =>
        [messageOf(thrown), ...(thrown instanceof KitError ? thrown.details : [])].join('; '),
    ),
  hint: `kubectl -n vault-injector logs -l app.kubernetes.io/name=vault-injector; then delete the pod that ConfigMap ${leaderConfigMap} names, and run the same command again`,
})
