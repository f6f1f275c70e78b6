// Loaded before the first .mts: a Node that does not strip types itself gets tsx.
if ('typescript' in process.features && process.features.typescript !== false) {
  // Node 22 announces at every start that it strips types. The operator can do nothing with that.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.stack ?? warning.message}\n`)
  })
} else {
  const { register } = await import('tsx/esm/api')
  register()
}
