/** The kit's own namespace in a cluster, with the revisions and the lock. */
export const systemNamespace = 'keybuzz-system'

/** Names no environment may have: its namespace of module 10 would be the kit's own, or that of module 9's probes. */
export const reservedEnvironments: readonly string[] = ['system', 'probe']

/** The environment whose objects carry no environment in their names (DESIGN section 6, Scope). */
const plain = 'prod'

/** A name in one environment: `n8n-staging` or `n8n_staging`; in prod just `n8n`. */
export const inEnvironment = (name: string, env: string, joint: '-' | '_'): string =>
  env === plain ? name : `${name}${joint}${joint === '_' ? env.replaceAll('-', '_') : env}`

/** The names that a module's slug leads to in each environment. */
export interface Names {
  /** `n8n-staging`; in prod `n8n` */
  readonly namespace: (env: string) => string
  /** Its database and the role that owns it: `n8n_staging`; in prod `n8n`. */
  readonly database: (env: string) => string
  /** The owner recorded for resources shared between modules, such as Redis databases: `staging/12_n8n`. */
  readonly owner: (env: string) => string
}

/** The names of one module's namespace, database and owner record. @param module number and slug: 12, `n8n` */
export const namesOf = (module: { readonly number: number; readonly slug: string }): Names => ({
  namespace: (env) => inEnvironment(module.slug, env, '-'),
  database: (env) => inEnvironment(module.slug, env, '_'),
  owner: (env) => `${env}/${folderOf(module)}`,
})

/** The name of a module's folder and of its files: `12_n8n`. */
export const folderOf = (module: { readonly number: number; readonly slug: string }): string =>
  `${String(module.number).padStart(2, '0')}_${module.slug}`

/**
 * The command line of 00_master_install.mjs for one module; it works when pasted in the kit's folder.
 * @param flags options after module and environment: `--verify`
 */
export const masterCommand = (module: number, env: string, ...flags: readonly string[]): string =>
  ['./00_master_install.mjs', '--module', String(module), '--env', env, ...flags].join(' ')

/** `12 n8n workflows`: a module's name in headings and messages. */
export const headingOf = (module: { readonly number: number; readonly title: string }): string =>
  `${module.number} ${module.title}`
