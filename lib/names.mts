/** The kit's own namespace in a cluster: its revisions and its lock. */
export const systemNamespace = 'keybuzz-system'

/** The environment whose objects carry no environment in their names (DESIGN section 6, Scope). */
const plain = 'prod'

/** A name in one environment: `n8n-staging` or `n8n_staging`; in prod just `n8n`. */
export const inEnvironment = (name: string, env: string, joint: '-' | '_'): string =>
  env === plain ? name : `${name}${joint}${joint === '_' ? env.replaceAll('-', '_') : env}`
