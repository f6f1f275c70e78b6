import type { Manifest } from '../../lib/kube/types.mts'

/** So many ConfigMaps, each with two keys. @param prefix of their names */
export const configMaps = (count: number, namespace: string, prefix: string): Manifest[] =>
  Array.from({ length: count }, (_, at) => {
    const data = { number: String(at), text: 'x'.repeat(200) }
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: `${prefix}-${at}` }, data }
  })
