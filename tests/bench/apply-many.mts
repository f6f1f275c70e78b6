import { sensitive } from '../../lib/base/sensitive.mts'
import { endBackground } from '../../lib/base/background.mts'
import { createWrites } from '../../lib/base/writes.mts'
import { createKube } from '../../lib/kube/apply/kube-session.mts'
import { createKubectl } from '../../lib/kube/kubectl.mts'
import { configMaps } from './config-maps.mts'

// The kit's whole apply: it compares ConfigMaps with the cluster, and sends them. Arguments: kubeconfig, its context,
// namespace, prefix of their names, how many, and kubectl with its words.

const [kubeconfig = '', context = '', namespace = '', prefix = '', count = '', ...program] =
  process.argv.slice(2)
const kubectl = createKubectl(program, kubeconfig, { context, another: () => Promise.resolve(context) })
const session = createKube({
  kubectl,
  writes: createWrites({ planning: false, guard: () => Promise.resolve() }),
  // Nothing of a module: no run takes these objects for its own.
  owner: { module: 'bench', env: 'bench' },
  forceConflicts: false,
  failures: () => [],
  namespaces: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }],
  objects: [],
  checksumKey: sensitive('the-key-of-the-bench'),
  isRecorded: () => true,
})
await session.of('bench').apply(configMaps(Number(count), namespace, prefix))
await endBackground()
