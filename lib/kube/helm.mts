import { accessSync, constants } from 'node:fs'
import { run } from '../base/command.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { fromRoot } from '../base/home.mts'
import { record } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'
import { written } from '../base/written.mts'
import { identityOf } from '../base/remembered-sums.mts'
import { keptRender } from './kept-renders.mts'
import { firstDifference } from './manifest-difference.mts'
import { documentsIn, manifestsOf } from './render-manifests.mts'
import { nameOf, type Manifest } from './types.mts'

// helm only renders: what it prints goes through the kit's own comparison, apply, prune and revision.

/** A chart of this machine, and what it is rendered for. */
export interface Chart {
  /** Absolute path of the archive, already compared with its checksum. */
  readonly file: string
  /** That checksum: with it what helm prints is kept, and a second run does not start helm. */
  readonly sha256?: string | undefined
  readonly release: string
  readonly namespace: string
  /** The version of the API server: `v1.36.3`. */
  readonly kubernetes: string
}

/** The helm of this machine. */
export interface Helm {
  /**
   * Renders a chart twice, and requires that both are the same byte by byte. Hooks are left out, and named in the log.
   * @param values of the chart: no secret values, they would be in the objects and in the revision
   * @throws KitError exit 3 when helm refuses the chart or the values, when the renders differ, or it prints no objects;
   *   exit 3, 6, 9, 130 or 143, see run
   */
  render(chart: Chart, values: object): Promise<Manifest[]>
  /** The text of the CustomResourceDefinitions in a chart. @throws KitError exit 3, 6, 9, 130 or 143, as render */
  definitions(chart: Pick<Chart, 'file' | 'sha256'>): Promise<string>
}

/**
 * Finds the helm to use: the one KEYBUZZ_HELM names, else the one on PATH.
 * @throws KitError exit 3 when there is none, or it cannot be run; exit 130 or 143 on a signal
 */
export async function findHelm(): Promise<Helm> {
  const named = process.env['KEYBUZZ_HELM']
  if (named !== undefined && named !== '') return helmOf(requireProgram(fromRoot(named)))
  const found = await run(['sh', '-c', 'command -v helm'])
  if (found.code === 0) return helmOf(found.stdout.trim())
  throw new KitError('there is no helm on this machine, and a chart is to be rendered', {
    exitCode: exitCodes.preflight,
    details: [`It renders alone, and connects to no cluster. ${written()}`],
    hint: 'install helm 3 or 4 (https://helm.sh/docs/intro/install), or set KEYBUZZ_HELM to its path; or leave monitoring out: --set MONITORING=false',
  })
}

function requireProgram(path: string): string {
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch (cause) {
    throw new KitError(`${path} cannot be run: KEYBUZZ_HELM names it`, {
      exitCode: exitCodes.preflight,
      hint: 'correct the path, or take the variable away',
      cause,
    })
  }
}

/** Plugins of the operator could change what a render gives. */
const surroundings = { HELM_NO_PLUGINS: '1' }

/** @param program path of helm */
export function helmOf(program: string): Helm {
  async function ask(words: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await run([program, ...words], { input, env: surroundings })
    if (code === 0) return stdout
    throw new KitError('helm does not render the chart', {
      exitCode: exitCodes.preflight,
      details: [shortened(stderr.trim(), 600), written()],
      hint: 'a chart of another version takes other values, or needs another Kubernetes: use the one this kit’s versions.json names',
    })
  }
  /** What this helm printed for this chart with these words and values, or prints now. */
  const keep = <T,>(
    { sha256 }: Pick<Chart, 'sha256'>,
    words: readonly string[],
    values: object,
    make: () => Promise<T>,
    isRight: (kept: unknown) => kept is T,
  ): Promise<T> =>
    sha256 === undefined
      ? make()
      : keptRender([program, identityOf(program).is, sha256, words, values], make, isRight)
  return {
    async render(chart, values) {
      const { file, release, namespace, kubernetes } = chart
      const words = ['template', release, file, '--namespace', namespace, '--kube-version', kubernetes]
      // JSON is YAML, and helm needs no file for it.
      const once = () => ask([...words, '--values', '-'], JSON.stringify(values))
      const objectsIn = (documents: readonly unknown[]) =>
        manifestsOf(documents).map((one) => inNamespace(one, namespace))
      const twice = async () => {
        const [first, second] = await Promise.all([once(), once()])
        if (first === second) return documentsIn(first)
        throw unstable(objectsIn(documentsIn(first)), objectsIn(documentsIn(second)))
      }
      const manifests = objectsIn(await keep(chart, words, values, twice, Array.isArray))
      const hooks = manifests.filter(isHook)
      if (hooks.length > 0) record(`hooks of the chart, left out: ${hooks.map(nameOf).join(', ')}`)
      return manifests.filter((one) => !isHook(one))
    },
    definitions(chart) {
      const words = ['show', 'crds', chart.file]
      const isText = (kept: unknown) => typeof kept === 'string'
      return keep(chart, words, {}, () => ask(words), isText)
    },
  }
}

const isHook = ({ metadata }: Manifest): boolean => metadata?.annotations?.['helm.sh/hook'] !== undefined

/** Kinds of a render that are in no namespace: charts leave the field out for all kinds, helm adds it to none. */
const clusterWide = /^(Cluster\w+|Namespace|CustomResourceDefinition|\w+WebhookConfiguration|PriorityClass)$/

const inNamespace = (manifest: Manifest, namespace: string): Manifest =>
  manifest.metadata?.namespace !== undefined || clusterWide.test(manifest.kind ?? '')
    ? manifest
    : { ...manifest, metadata: { ...manifest.metadata, namespace } }

function unstable(one: readonly Manifest[], other: readonly Manifest[]): KitError {
  const where = firstDifference(one, other)
  return new KitError(`the chart renders differently each time (${where}): it can never converge`, {
    exitCode: exitCodes.preflight,
    details: [
      'Each run would change it again, and restart what reads it.',
      'What it draws at random belongs into a Secret of the kit’s own, which the values name.',
      written(),
    ],
    hint: 'use the chart this kit’s versions.json names; a newer one needs a newer kit',
  })
}
