#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { ensureServers } from './nodes/control-plane.mts'
import { fetchKubeconfig } from './nodes/kubeconfig.mts'
import { k3s } from './module.mts'

export default step(
  import.meta,
  k3s,
  'Install the servers',
  async ({ settings, credentials, versions, hosts, cluster, until }) => {
    const { servers, masters } = await hosts()
    if (masters.length > 0) {
      const { keep } = credentials
      await ensureServers({ servers, masters, settings, keep, versions, until, known: cluster.known })
      await cluster.keepKubeconfig(await fetchKubeconfig(servers, settings))
    }
    await cluster.connect()
  },
)
