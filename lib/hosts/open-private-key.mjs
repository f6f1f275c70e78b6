// A worker thread: deriving the key of a passphrase takes seconds for a key made with `ssh-keygen -a 200`, and the SSH
// library does it synchronously. In the main thread it would block all other connections.
import { parentPort, workerData } from 'node:worker_threads'
import ssh2 from 'ssh2'

const { text, passphrase } = /** @type {{ text: string, passphrase: string }} */ (workerData)
const found = ssh2.utils.parseKey(text, passphrase)
const key = Array.isArray(found) ? found[0] : found
parentPort?.postMessage(key instanceof Error ? { problem: key.message } : { pem: key.getPrivatePEM() })
