import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connectCluster } from '../../lib/kube/cluster.mts'
import { KitError } from '../../lib/base/errors.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { findKubectl } from '../../lib/kube/find-kubectl.mts'
import { newestOf } from '../../lib/state/revision.mts'
import { readRecords } from '../../lib/state/revision-store.mts'
import { readVersions } from '../../lib/settings/versions.mts'
import { inTurn, run, Unmeasured, type Row } from './measure.mts'

const env = 'practice'
const kit = ['./00_master_install.mjs', '--env', env, '--module', '12', '--yes']
const applied = 'bench-apply'
const released = 'bench-helm'

/** What needs the platform with module 12 installed: a run that finds nothing to do, against one kubectl or helm. */
export async function cluster(): Promise<Row[]> {
  const { words, program, manifests } = await lookAround()
  const remove = [...words, 'delete', 'namespaces', applied, released, '--ignore-not-found', '--timeout=120s']
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-bench-'))
  try {
    run(remove)
    // What would change something is no second run: it fails here, before it does.
    run([...kit, '--plan'])
    writeRecording(folder, program)
    const processes: number[] = []
    const { BENCH_NODE: node, BENCH_HELM: helm } = process.env
    if (node === undefined)
      throw new Unmeasured('BENCH_NODE names no Node that strips types: npm run bench does')
    const contestants = [
      () => nothingToDo(folder, processes, node),
      () => nothingToDo(folder, processes, dirname(process.execPath)),
      apply(words, manifests),
    ]
    const kubeconfig = words[words.indexOf('--kubeconfig') + 1] ?? ''
    if (helm) contestants.push(upgrade(helm, kubeconfig, join(folder, 'chart'), manifests))
    const [stripping, own, kubectls, helms] = inTurn(5, contestants)
    const name = 'module 12, nothing to do'
    const objects = `${manifests.length} objects`
    const kubectl = `kubectl apply, ${objects}`
    return [
      { name: `${name}: kubectl`, against: 'process', ours: processes, theirs: [1], bound: 8 },
      { name, against: kubectl, ours: stripping, theirs: kubectls, bound: 3 },
      // An older Node needs tsx, which alone takes as long as one kubectl.
      { name: `${name}, Node ${process.versions.node}`, against: kubectl, ours: own, theirs: kubectls },
      ...(helm ? [{ name, against: `helm upgrade, ${objects}`, ours: stripping, theirs: helms }] : []),
    ]
  } finally {
    run(remove)
    rmSync(folder, { recursive: true })
  }
}

/** kubectl, and what the kit's newest run applied. @throws Unmeasured where module 12 is not installed */
async function lookAround() {
  const { versions } = readVersions(env)
  const { kubectl } = await connectCluster(env, versions).catch((thrown: unknown) => {
    throw thrown instanceof KitError ? new Unmeasured(thrown.message) : thrown
  })
  const newest = newestOf((await readRecords(kubectl)).revisions, '12_n8n', env)
  if (newest?.state !== 'validated') throw new Unmeasured('module 12 is not installed and validated there')
  return { words: kubectl.words, program: (await findKubectl(versions)).words, manifests: newest.manifests }
}

/** One kubectl that sends everything again. */
function apply(words: readonly string[], manifests: readonly Manifest[]): () => number {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: elsewhere(manifests, applied) })
  return () => run([...words, 'apply', '--server-side', '--field-manager=bench', '-f', '-'], { input }).ms
}

/** One helm that upgrades an unchanged release: a chart of these objects word for word; helm makes the namespace. */
function upgrade(
  helm: string,
  kubeconfig: string,
  chart: string,
  manifests: readonly Manifest[],
): () => number {
  mkdirSync(join(chart, 'templates'), { recursive: true })
  writeFileSync(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: bench\nversion: 1.0.0\n')
  for (const [at, manifest] of elsewhere(manifests, released).entries())
    if (manifest.kind !== 'Namespace')
      writeFileSync(join(chart, 'templates', `${at}.yaml`), JSON.stringify(manifest, undefined, 2))
  const words = [helm, 'upgrade', '--install', 'bench', chart, '--namespace', released, '--create-namespace']
  return () => run([...words, '--kubeconfig', kubeconfig]).ms
}

/** A kubectl that writes down when it was started, in microseconds, before it does its work. */
function writeRecording(folder: string, program: readonly string[]): void {
  const real = program.map((word) => `'${word}'`).join(' ')
  const script = `#!/usr/bin/env bash\necho "\${EPOCHREALTIME/[.,]/} $*" >>'${folder}/record'\nexec ${real} "$@"\n`
  writeFileSync(join(folder, 'kubectl'), script, { mode: 0o755 })
}

/**
 * Runs the kit.
 * @param node the folder of the Node to run it by
 * @returns milliseconds until its tests began; `processes` gets how many kubectl it needed so far
 */
function nothingToDo(folder: string, processes: number[], node: string): number {
  const record = join(folder, 'record')
  writeFileSync(record, '')
  const started = Date.now()
  const env = { KEYBUZZ_KUBECTL: join(folder, 'kubectl'), PATH: `${node}:${process.env['PATH']}` }
  const { stderr } = run(kit, { env })
  // The log stamps the line before the step starts anything of its own; a reader of the screen may come late.
  const log = readFileSync(/^ *log +(\S+)$/m.exec(stderr)?.[1] ?? '', 'utf8')
  const tests = Date.parse(/^(\S+) ▸ 12_n8n_03_tests$/m.exec(log)?.[1] ?? '')
  if (!stderr.includes('nothing to do') || Number.isNaN(tests))
    throw new Unmeasured(`this is no run that found nothing to do:\n${stderr}`)
  const begun = readFileSync(record, 'utf8').trim().split('\n')
  processes.push(begun.filter((line) => Number.parseInt(line, 10) < tests * 1000).length)
  return tests - started
}

/**
 * The same objects where nobody takes them for module 12's: without the kit's labels, by another public name, with
 * values that are no secrets, and without pods (an autoscaler leaves zero alone).
 */
const elsewhere = (manifests: readonly Manifest[], namespace: string): Manifest[] =>
  manifests.map((manifest) => {
    const { kind, metadata, spec, data } = manifest as unknown as Loose
    const own = { ...metadata, namespace, labels: {} }
    const moved = { ...manifest, metadata: kind === 'Namespace' ? { name: namespace } : own }
    if (kind === 'Deployment') Object.assign(moved, { spec: { ...spec, replicas: 0 } })
    const rules = spec?.rules?.map((rule) => ({ ...rule, host: `${namespace}.example.com` }))
    if (kind === 'Ingress') Object.assign(moved, { spec: { ...spec, rules, tls: [] } })
    const values = Object.keys(data ?? {}).map((key) => [key, 'eHh4eHh4eHh4eHh4eHh4eHh4eHh4'])
    if (kind === 'Secret') Object.assign(moved, { data: Object.fromEntries(values) })
    return moved
  })

interface Loose {
  kind: string
  metadata: object
  spec?: { rules?: object[] }
  data?: object
}
