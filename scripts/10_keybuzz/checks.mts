import type { ChecksOf } from '../../lib/run/module.mts'
import { autoscalers } from './checks-scaling.mts'
import { backends, ready, restarts, spread } from './checks-pods.mts'
import { headers, https, inside, outside } from './checks-visitor.mts'
import type { keybuzz } from './module.mts'

export const checks: ChecksOf<typeof keybuzz> = [
  ready,
  inside,
  outside,
  backends,
  autoscalers,
  https,
  headers,
  spread,
  restarts,
]
