import { writeFileSync } from 'node:fs'
import { run } from '../../../lib/base/command.mts'
import { createKubectl } from '../../../lib/kube/kubectl.mts'

// A run of the kit with something under way, for a test that kills it. Arguments: `run` and a program's words; or
// `write`, a kubectl, an address and a file: something is written to the API server there.

const [how, ...words] = process.argv.slice(2)
if (how === 'run') await run(words, { input: 'an object', timeoutSeconds: 120 })
else {
  const [program = '', server, file = ''] = words
  const kubeconfig = {
    clusters: [{ name: 'a', cluster: { server } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    users: [{ name: 'a', user: {} }],
  }
  writeFileSync(file, JSON.stringify(kubeconfig), { mode: 0o600 })
  const kubectl = createKubectl([program], file, { context: 'a', another: () => Promise.resolve('a') })
  await kubectl.api.post('/api/v1/namespaces', { kind: 'Namespace' }, ['create'])
}
