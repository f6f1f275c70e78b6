import { exitCodes, KitError, unlessInterrupted, wordsOf } from '../../lib/base/errors.mts'
import type { Condition } from '../../lib/base/poll.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import type { Deployment, Manifest, PodSpec } from '../../lib/kube/types.mts'
import { serviceAnnotation } from '../../lib/kube/manifests/injection.mts'
import { checkName, checkNamespace, leaderConfigMap } from './names.mts'
import { injectingWebhook } from './webhook.mts'

// A pod that is created on trial (--dry-run=server): the API server calls the injector for it, and stores nothing.

/** The containers that the injector adds to a pod. */
export const added: readonly string[] = ['vault-agent-init', 'vault-agent']

/** The namespace of a trial, and whether its pod has the annotation for injection. */
export interface Trial {
  readonly namespace: string
  readonly asks: boolean
}

/** The live Deployment of the checks. @throws KitError exit 10 when it does not exist; exit 3 or 5 to 9 from kubectl */
export async function liveCheckPod(kube: KubeReader): Promise<Deployment> {
  const live = await kube.get('deployments.apps', checkName, checkNamespace)
  if (live !== undefined) return live as unknown as Deployment
  throw new KitError(`there is no Deployment ${checkName} in ${checkNamespace}`, {
    exitCode: exitCodes.validationFailed,
  })
}

/** An address at which nothing answers: in a pod, its own loopback. */
const nowhere = 'https://127.0.0.1:9'

/** The pod of a drill, which gets no values: its agent has an address at which no Vault is. */
export function podWithoutVault({ spec }: Deployment): Manifest {
  const { metadata, spec: pod } = spec?.template ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'keybuzz-drill',
      namespace: checkNamespace,
      // Not the labels of the Deployment: it would count the pod as its own.
      labels: { 'app.kubernetes.io/name': 'keybuzz-drill' },
      annotations: { ...metadata?.annotations, [serviceAnnotation]: nowhere },
    },
    spec: { ...pod, activeDeadlineSeconds: 120 },
  } as Manifest
}

/**
 * Names of the containers that the injector adds to a pod on trial.
 * @param one a Deployment, whose pod template is used
 * @throws KitError exit 8 or 9 when the pod is refused; exit 3 or 5 to 9 from kubectl
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

/** True when the API server refused a pod because the injector did not answer: no other error shows that it would. */
export const isWithoutInjector = (thrown: unknown): boolean =>
  thrown instanceof KitError &&
  [thrown.message, ...thrown.details].some((line) =>
    line.includes(`failed calling webhook "${injectingWebhook}"`),
  )

/**
 * The condition that the injector changes such a pod. After its first start it takes seconds until its CA is in the
 * webhook; until then the API server refuses the pod.
 */
export const injectionWorks = (kube: KubeReader, one: Deployment): Condition => ({
  what: 'the injector',
  seconds: 60,
  missing: () =>
    addedTo(kube, one, { namespace: checkNamespace, asks: true }).then(
      (names) => (names.length === added.length ? '' : 'a pod that asks gets nothing'),
      unlessInterrupted(wordsOf),
    ),
  hint: `kubectl -n vault-injector logs -l app.kubernetes.io/name=vault-injector; then delete the pod that ConfigMap ${leaderConfigMap} names, and run the same command again`,
})
