// Loaded before a .mts by bin/ts: a Node that does not strip types itself gets tsx.
if (!process.features.typescript) {
  const { register } = await import('tsx/esm/api')
  register()
}
