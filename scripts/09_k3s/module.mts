import { defineModule, type SettingsOf } from '../../lib/module.mts'
import { general, ingress } from '../platform.mts'

export type K3sSettings = SettingsOf<typeof k3s>

export const k3s = defineModule({
  number: 9,
  slug: 'k3s',
  title: 'K3s HA core',
  scope: 'cluster',
  shared: [...general, ...ingress],
  settings: [],
  images: [],
  notProven: [
    'Node-to-node traffic is proven by the cluster DNS and by the API server reaching every node, not yet pod to pod over every pair of nodes.',
    'NetworkPolicies are not proven on this cluster: modules leave theirs off.',
  ],
})
