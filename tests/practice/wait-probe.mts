import { connectCluster } from '../../lib/kube/cluster.mts'
import { waitForJob } from '../../lib/kube/rollout/job-wait.mts'
import { printFailure } from '../../lib/cli/hints.mts'
import { readVersions } from '../../lib/settings/versions.mts'
import { waitForDeployments } from '../../lib/kube/rollout/deployments.mts'

// Waits for one Deployment or Job of the practice cluster, as a step does, and says what a step would say.
//   wait-probe.mts NAMESPACE deployment|job NAME SECONDS_WITHOUT_PROGRESS

const [namespace = '', kind, name = '', noProgress = '60'] = process.argv.slice(2)
const { kubectl } = await connectCluster('practice', readVersions('practice').versions)
const limits = { deadline: 120, noProgress: Number(noProgress) }
process.stderr.write('watching\n')
try {
  if (kind === 'job') await waitForJob(kubectl, { namespace, name, deadlineSeconds: limits.deadline }, [])
  else await waitForDeployments(kubectl, namespace, [name], [], limits)
} catch (thrown) {
  process.exitCode = printFailure(thrown)
}
