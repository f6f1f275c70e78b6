#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { openAccess } from './access.mts'
import { checkAccount, checkPod } from './check-pod.mts'
import { vault } from './module.mts'
import { requireMethodOfPods } from './method-change.mts'
import { checkName, checkNamespace } from './names.mts'
import { proveVault } from './preflight.mts'
import { hasReviewer } from './review.mts'
import { reviewer } from './reviewer.mts'
import { injectionWorks } from './trial.mts'

export default step(
  import.meta,
  vault,
  'Open Vault to pods of this cluster, and inject a first value',
  async ({ settings, images, kube, writes, until }) => {
    // This can fail: it runs before anything is written.
    const proved = await proveVault(settings)
    await requireMethodOfPods(kube, settings)
    const isReviewerNew = settings.VAULT_AUTH_METHOD === 'kubernetes' && !(await hasReviewer(kube))
    await kube.apply([...reviewer(settings), ...checkAccount(settings)])
    await openAccess({ settings, kube, writes, proved, isReviewerNew })
    const pod = checkPod(settings, images)
    // The API server refuses such a pod until the injector can answer.
    await until(injectionWorks(kube, pod))
    await kube.apply([pod])
    await kube.waitForRollout(checkNamespace, checkName)
  },
)
