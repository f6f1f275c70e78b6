import { probes } from '../../scripts/09_k3s/probes/probe.mts'
import type { K3sSettings } from '../../scripts/09_k3s/settings.mts'
import { readVersions } from '../../lib/settings/versions.mts'

// The probes module 9 lays on every node, as a list for kubectl: for a platform whose cluster module 9 has not made.

const settings = { DOMAIN: 'practice.example.com', INGRESS_CLASS: 'nginx', INGRESS_HEALTH_PATH: '/healthz' }
const image = readVersions('practice').versions['probe']?.image ?? ''
const items = probes(settings as K3sSettings, image)
process.stdout.write(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
