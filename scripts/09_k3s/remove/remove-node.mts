import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import type { UnreachableHost } from '../../../lib/hosts/hosts.mts'
import { log } from '../../../lib/base/log.mts'
import type { TeardownRun } from '../../../lib/hosts/teardown.mts'
import { requireOthersWhole } from '../nodes/control-plane.mts'
import { drain } from './drain.mts'
import { forgetNode } from '../nodes/forget-node.mts'
import { healthyServer, whyNoneIsHealthy } from '../nodes/healthy-server.mts'
import { readState } from '../nodes/host-state.mts'
import type { K3sSettings } from '../settings.mts'
import { memberGone } from '../nodes/readiness.mts'
import { markLeaving, uninstallK3s } from './uninstall-k3s.mts'
import { written } from '../../../lib/base/written.mts'

// Removes single hosts from a cluster that continues without them.

type Leaving = Pick<Host, 'name' | 'address'>

/**
 * Removes a host from the cluster, and K3s from the host: drain, a server's etcd member, uninstall, Node.
 * @throws KitError exit 3 when the cluster would lose its quorum or its last server, another server with etcd data is
 *   not healthy, or a host has a foreign Kubernetes; exit 6 when no other server is healthy; exit 9 when the drain, a
 *   change or a wait fails; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws (Writes.make)
 */
export async function removeNode(host: Host, role: UnreachableHost['role'], run: TeardownRun): Promise<void> {
  const started = performance.now()
  const server = await survivor(host, role, run)
  await markLeaving(host)
  await drain(server, host, {
    seconds: (run.settings as K3sSettings).DRAIN_SECONDS,
    planning: run.planning,
  })
  if (role === 'master') await leaveQuorum(host, server, run)
  await uninstallK3s(host, run)
  // The Node of a master was deleted with its vote.
  if (role === 'worker') await forgetNode(server, host, run.until)
  if (!run.planning) log.ok(`${host.name} is out of the cluster`, started)
}

/**
 * Removes a host that cannot be connected to from the cluster. There is no drain: its pods were already deleted by the
 * cluster.
 * @throws KitError exit 3, 6 or 9, see removeNode; exit 130 or 143 on a signal; what the gate throws (Writes.make)
 */
export async function leaveUnseen({ role, ...lost }: UnreachableHost, run: TeardownRun): Promise<void> {
  await forgetNode(await survivor(lost, role, run), lost, run.until)
  if (!run.planning) log.ok(`${lost.name} is out of the cluster`)
}

/**
 * The server on which the changes are made: a healthy one that stays.
 * @throws KitError exit 6 when there is none; exit 3, see requireQuorum
 */
async function survivor(
  { name, address }: Leaving,
  role: UnreachableHost['role'],
  run: TeardownRun,
): Promise<Host> {
  const others = run.hosts.servers.filter((server) => server.name !== name)
  if (role === 'master') await requireQuorum({ name, address }, others, run)
  const server = await healthyServer(others)
  if (server !== undefined) return server
  throw new KitError(`${name} cannot be taken out of the cluster: no other server is healthy`, {
    exitCode: exitCodes.unreachable,
    details: [...(await whyNoneIsHealthy(others)), written()],
    hint: 'repair a master first: journalctl -u k3s',
  })
}

/**
 * Requires that the servers that stay keep the quorum.
 * @throws KitError exit 3 when one of them is not healthy or not connected, or there is none
 */
async function requireQuorum(leaving: Leaving, others: readonly Host[], run: TeardownRun): Promise<void> {
  const states = await Promise.all(others.map((one) => readState(one)))
  const unseen = run.hosts.lost.find(({ role, name }) => role === 'master' && name !== leaving.name)
  const members = states.filter(({ data }) => data)
  if (unseen === undefined && members.length > 0) return requireOthersWhole(leaving, states, others)
  throw new KitError(
    unseen === undefined
      ? `${leaving.name} is the last server: without it there is no cluster`
      : `${leaving.name} must stay while ${unseen.name} does not answer: the quorum could end`,
    {
      exitCode: exitCodes.preflight,
      details: [written()],
      hint:
        unseen === undefined
          ? 'to end the whole cluster: --uninstall without --limit'
          : `bring ${unseen.name} back, or take that one out first`,
    },
  )
}

/**
 * Removes the vote of a server while all others have theirs. First keeps systemd from restarting K3s there, which would
 * join again.
 */
async function leaveQuorum(host: Host, server: Host, { until }: TeardownRun): Promise<void> {
  const folder = '/run/systemd/system/k3s.service.d'
  const { stdout } = await host.read(['systemctl', 'show', 'k3s', '--property', 'Restart', '--value'])
  if (stdout.trim() !== 'no')
    await host.change('K3s shall not start again by itself', [
      'sh',
      '-ec',
      `mkdir -p ${folder}; printf '[Service]\\nRestart=no\\n' >${folder}/leaving.conf; systemctl daemon-reload; systemctl disable --quiet k3s`,
    ])
  await forgetNode(server, host, until)
  await until(memberGone(host, server))
}
