import { fetchPart } from '../../../lib/base/download.mts'
import { KitError } from '../../../lib/base/errors.mts'
import { interruption } from '../../../lib/base/signals.mts'

// A run that fetches one file, for tests with certificates: Node reads NODE_EXTRA_CA_CERTS when it starts. Arguments:
// address, path. It prints the error as JSON.

interruption.listen()
const [url = '', path = ''] = process.argv.slice(2)
try {
  await fetchPart({
    url: new URL(url),
    path,
    mostBytes: 1e6,
    silentSeconds: 20,
    safe: 'No host was asked.',
    instead: 'or put k3s there by hand',
  })
} catch (thrown) {
  if (!(thrown instanceof KitError)) throw thrown
  const { message, details, hint, exitCode } = thrown
  process.stdout.write(JSON.stringify({ message, details, hint }))
  process.exitCode = exitCode
}
