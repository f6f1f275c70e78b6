// Loaded before the first .mts: a Node that does not strip types itself gets tsx.
import * as nodeModule from 'node:module'
import { join } from 'node:path'

/** @typedef {{ enableCompileCache?: (folder: string) => unknown }} Newer what Node 20 and its types do not know */
const { enableCompileCache } = /** @type {Newer} */ (/** @type {unknown} */ (nodeModule))
// Node 22 and newer keep what they have compiled and stripped: a run begins 0.2 s sooner. In the kit's own folder: what
// lies in a shared one could be another user's.
enableCompileCache?.(join(import.meta.dirname, '../node_modules/.cache/node'))

if ('typescript' in process.features && process.features.typescript !== false) {
  // Node 22 announces at every start that it strips types. The operator can do nothing with that.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.stack ?? warning.message}\n`)
  })
} else {
  // tsx cuts the path of a file at a question mark.
  if (import.meta.dirname.includes('?')) {
    process.stderr.write(
      `✗ the folder of the kit has a ? in its name, which Node ${process.versions.node} cannot work with\n` +
        '    next: rename that folder, or install Node 22.18 or newer\n',
    )
    process.exit(2)
  }
  const { register } = await import('tsx/esm/api')
  register()
}
