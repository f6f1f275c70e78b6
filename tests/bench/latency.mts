import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../../lib/base/files.mts'
import { configMaps } from './config-maps.mts'
import { inTurn, run, Unmeasured, type Row } from './measure.mts'
import { openPractice } from './practice.mts'

const namespace = 'bench-latency'
const count = 200
/** Milliseconds that are added to a request with its answer. */
const added = 20

/** New ConfigMaps over a long way: the kit's apply against one kubectl. */
export async function latency(): Promise<Row[]> {
  const { words, program } = await openPractice()
  const kubectl = (more: readonly string[], input = '') => run([...words, ...more], { input })
  const remove = ['delete', 'namespaces', namespace, '--ignore-not-found', '--timeout=120s']
  kubectl(remove)
  kubectl(['create', 'namespace', namespace])
  try {
    return await applyFarAway(words[words.indexOf('--kubeconfig') + 1] ?? '', words.at(-1) ?? '', program)
  } finally {
    kubectl(remove)
  }
}

/**
 * Applies ConfigMaps to a namespace that is there, over a connection with added latency.
 * @param kubeconfig path of the file
 * @param context that leads to the API server
 * @param program kubectl and its words
 */
export async function applyFarAway(
  kubeconfig: string,
  context: string,
  program: readonly string[],
): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-bench-'))
  const far = join(folder, 'kubeconfig')
  const config = parse(readFileSync(kubeconfig, 'utf8')) as Config
  const name = config.contexts.find((one) => one.name === context)?.context.cluster
  const cluster = config.clusters.find((one) => one.name === name)?.cluster
  if (cluster === undefined) throw new Unmeasured(`${kubeconfig} has no context ${context}`)
  const server = new URL(cluster.server)
  const delaying = spawn(
    join(root, 'bin/ts'),
    [join(import.meta.dirname, 'delay.mts'), server.hostname, server.port, String(added)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const [port] = (await once(delaying.stdout, 'data')) as [Buffer]
    cluster['tls-server-name'] ??= server.hostname
    server.host = `127.0.0.1:${String(port).trim()}`
    cluster.server = server.href.replace(/\/$/, '')
    writeFileSync(far, JSON.stringify(config), { mode: 0o600 })
    let round = 0
    const PATH = `${process.env['BENCH_NODE'] ?? ''}:${process.env['PATH']}`
    const ours = () => {
      const words = [far, context, namespace, `kit-${(round += 1)}`, String(count), ...program]
      return run([join(root, 'bin/ts'), join(import.meta.dirname, 'apply-many.mts'), ...words], {
        env: { PATH },
      }).ms
    }
    const theirs = () => {
      const items = configMaps(count, namespace, `kubectl-${(round += 1)}`)
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
      const apply = ['apply', '--server-side', '--field-manager=bench', '-f', '-']
      return run([...program, '--kubeconfig', far, '--context', context, ...apply], { input }).ms
    }
    const [kits, kubectls] = inTurn(3, [ours, theirs])
    const row = `${count} ConfigMaps at ${added} ms more`
    return [{ name: row, against: 'kubectl apply', ours: kits, theirs: kubectls, bound: 0.3 }]
  } finally {
    delaying.kill()
    rmSync(folder, { recursive: true })
  }
}

interface Config {
  contexts: { name: string; context: { cluster: string } }[]
  clusters: { name: string; cluster: { server: string; 'tls-server-name'?: string } }[]
}
