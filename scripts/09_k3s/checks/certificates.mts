import { daysUntil } from '../../../lib/base/certificate.mts'
import { createLimit } from '../../../lib/base/concurrency.mts'
import { exitCodes } from '../../../lib/base/errors.mts'
import { few } from '../../../lib/base/few.mts'
import { failed, passed, warning, type Answer, type Check } from '../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { addressOf } from '../probes/network.mts'
import type { K3sSettings } from '../settings.mts'
import { orUndefined } from './exits.mts'
import { nodesOf, type Tools } from './nodes.mts'
import { serversOf } from './servers.mts'

// The certificates of K3s' components expire after a year, on workers too, and are renewed only when K3s starts. The
// one of port 6443 is renewed by itself, and says nothing about the others.

/** Days before a certificate expires: below the first a warning, below the second a failure. */
const [soon, tooLate] = [60, 14]

/** A metric of K3s for each of its certificates on a node: the seconds until it expires. */
const series = /^k3s_certificate_expiration_seconds\{(.*)\} (\S+)$/gm

/** The kubelet of K3s returns the metrics of the whole process: megabytes on a server. */
const limit = createLimit(2)

/** The certificate of a node that expires first. */
interface Ending {
  readonly name: string
  readonly days: number
  readonly subject: string
}

/** Finds the certificate of a node that expires first; undefined when the node has no such metric. */
async function firstEnding({ kube }: Tools, { metadata: { name } }: LiveObject): Promise<Ending | undefined> {
  const path = `/api/v1/nodes/${name}/proxy/metrics`
  const text =
    (await limit(() => orUndefined(kube.raw(path), exitCodes.rolloutFailed, exitCodes.denied))) ?? ''
  const all = [...text.matchAll(series)].map(([, labels = '', seconds]) => ({
    name,
    days: Math.floor(Number(seconds) / 86_400),
    subject: /subject="(?:[^"]*,)?(CN=[^",]*)/.exec(labels)?.[1] ?? 'one',
  }))
  return all.filter(({ days }) => !Number.isNaN(days)).toSorted((a, b) => a.days - b.days)[0]
}

export const certificates: Check<K3sSettings> = {
  id: 'k3s.certificates',
  title: 'The certificates of every node are good for two months at least',
  fix: 'on NAME: systemctl restart k3s (on a worker k3s-agent), one node after another; K3s renews what ends within 120 days when it starts, and at no other time',
  places: () => ({ NAME: 'each node' }),
  async ask(tools) {
    const nodes = await nodesOf(tools)
    const ends = await Promise.all(nodes.map((node) => firstEnding(tools, node)))
    const known = ends.filter((one) => one !== undefined).toSorted((a, b) => a.days - b.days)
    const near = known.filter(({ days }) => days < soon)
    const seen = few(
      near.map(({ name, days, subject }) => `${name}: ${subject} ${days} days`),
      4,
    )
    if ((near[0]?.days ?? tooLate) < tooLate) return failed(seen, { NAME: near[0]?.name ?? '' })
    const silent = nodes.filter((_, at) => ends[at] === undefined).map(({ metadata }) => metadata.name)
    if (silent.length > 0) return unproven(tools, silent, seen)
    if (near.length > 0) return warning(seen, { NAME: near[0]?.name ?? '' })
    return passed(`${nodes.length} nodes, the first ends in ${known[0]?.days} days`)
  },
}

/** The answer when nodes have no such metric: then only the API's certificate is known, which may fail, never pass. */
async function unproven(tools: Tools, silent: readonly string[], seen: string): Promise<Answer> {
  const fronts = await Promise.all(
    (await serversOf(tools)).map(async (server) => {
      const end = await orUndefined(
        tools.http.certificateEnd(`${addressOf(server)}:6443`),
        exitCodes.unreachable,
      )
      return { name: server.metadata.name, days: end === undefined ? Infinity : daysUntil(end) }
    }),
  )
  const [first] = fronts.toSorted((a, b) => a.days - b.days)
  if (first !== undefined && first.days < tooLate)
    return failed(`${first.name}: port 6443 ${first.days} days`, { NAME: first.name })
  const what = `not proven: no metric k3s_certificate_expiration_seconds of ${few(silent, 4)}`
  return warning([seen, what].filter(Boolean).join('; '), { NAME: silent[0] ?? '' })
}
