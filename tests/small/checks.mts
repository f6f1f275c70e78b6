import { failed, passed } from '../../lib/checks/checks.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { names, type small } from './module.mts'

export const checks: ChecksOf<typeof small> = [
  {
    id: 'small.volume',
    title: 'The pod has its volume',
    fix: 'kubectl -n NAMESPACE describe pvc',
    async ask({ kube, settings }) {
      const claim = await kube.get('persistentvolumeclaims', 'data-small-0', names.namespace(settings.ENV))
      const { phase = 'none' } = (claim?.['status'] ?? {}) as { phase?: string }
      return phase === 'Bound' ? passed(phase) : failed(phase)
    },
  },
]
