import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Manifest } from '../../lib/kube/types.mts'
import { newestOf } from '../../lib/state/revision.mts'
import { inTurn, run, Unmeasured, type Row } from './measure.mts'
import { openPractice } from './practice.mts'
import { env, kitFor, quietRun } from './quiet-run.mts'

const kit = kitFor('12')
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
    const whole: number[] = []
    const { BENCH_NODE: node, BENCH_HELM: helm } = process.env
    if (node === undefined)
      throw new Unmeasured('BENCH_NODE names no Node that strips types: npm run bench does')
    const contestants = [
      () => nothingToDo(folder, node, { processes, whole }),
      () => nothingToDo(folder, dirname(process.execPath), { processes, whole: [] }),
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
      { name, against: kubectl, ours: stripping, theirs: kubectls, bound: 1 },
      // The first round only warms caches.
      {
        name: `${name}, with its tests`,
        against: kubectl,
        ours: whole.slice(1),
        theirs: kubectls,
        bound: 2.5,
      },
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
  const { words, program, revisions } = await openPractice()
  const newest = newestOf(revisions, '12_n8n', env)
  if (newest?.state !== 'validated') throw new Unmeasured('module 12 is not installed and validated there')
  return { words, program, manifests: newest.manifests }
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
 * @param measured `processes` gets how many kubectl it needed until its tests, `whole` its milliseconds with them
 * @returns milliseconds until its tests began
 */
function nothingToDo(
  folder: string,
  node: string,
  { processes, whole }: { processes: number[]; whole: number[] },
): number {
  const record = join(folder, 'record')
  writeFileSync(record, '')
  const variables = { KEYBUZZ_KUBECTL: join(folder, 'kubectl'), PATH: `${node}:${process.env['PATH']}` }
  const ran = quietRun(kit, '12_n8n', variables)
  const begun = readFileSync(record, 'utf8').trim().split('\n')
  processes.push(begun.filter((line) => Number.parseInt(line, 10) < ran.testsBegan * 1000).length)
  whole.push(ran.whole)
  return ran.untilTests
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
