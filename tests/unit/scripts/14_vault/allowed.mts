import { rights } from '../../../../scripts/14_vault/rbac.mts'

// The kit's RBAC of the injector, as the API server would apply it to a request.

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

const rulesOf = (kind: string): Rule[] =>
  rights().flatMap((one) => (one.kind === kind ? (one as unknown as { rules: Rule[] }).rules : []))

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** True for a request that the injector's service account may send; everybody may ask which kinds there are. */
export function isAllowed(method: string, path: string, isWatch: boolean): boolean {
  const parts =
    /^\/(?:api|apis\/(?<group>[^/]+))\/v1(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<resource>[^/]+)(?:\/(?<name>.+))?$/.exec(
      path,
    )?.groups
  if (parts === undefined) return method === 'GET'
  const { group = '', namespace, resource = '', name } = parts
  const read = isWatch ? 'watch' : name === undefined ? 'list' : 'get'
  const verb = method === 'GET' ? read : (verbs[method] ?? method)
  const own = namespace === 'vault-injector' ? rulesOf('Role') : []
  return [...rulesOf('ClusterRole'), ...own].some(
    ({ apiGroups, resources, resourceNames, verbs: allowed }) =>
      apiGroups.includes(group) &&
      resources.includes(resource) &&
      allowed.includes(verb) &&
      (resourceNames === undefined || resourceNames.includes(name ?? '')),
  )
}
