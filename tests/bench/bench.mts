import { cluster } from './cluster.mts'
import { local } from './local.mts'
import { holds, rowText, Unmeasured } from './measure.mts'

const chosen = process.argv[2]
process.exitCode = 0
try {
  for (const part of chosen === 'local' ? [local] : chosen === 'cluster' ? [cluster] : [local, cluster]) {
    for (const row of await part()) {
      console.log(rowText(row))
      if (!holds(row)) process.exitCode = 1
    }
  }
} catch (thrown) {
  if (!(thrown instanceof Unmeasured)) throw thrown
  console.error(`✗ not measured: ${thrown.message}`)
  process.exitCode = 3
}
