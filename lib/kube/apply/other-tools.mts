import { exitCodes, KitError } from '../../base/errors.mts'
import { nameOf, type LiveObject } from '../types.mts'

// Objects that another tool installs and will install again: if the kit applied over them, it would manage half of an
// application and the tool the other half, and each would revert the other.

interface Tool {
  /** `Helm release n8n`, when the tool made an object with these labels and annotations; undefined otherwise. */
  readonly of: (labels: Texts, annotations: Texts) => string | undefined
  /** What to do so that the tool no longer manages its objects. */
  readonly leave: (namespace: string, name: string) => string
}

type Texts = Readonly<Record<string, string>>

const named = (what: string, name: string | undefined): string | undefined =>
  name === undefined || name === '' ? undefined : `${what} ${name}`

const tools: readonly Tool[] = [
  {
    // Flux installs charts by Helm: its own label counts first.
    of: (labels) => named('Flux HelmRelease', labels['helm.toolkit.fluxcd.io/name']),
    leave: (namespace, name) => `suspend and delete HelmRelease ${name} in Git (namespace ${namespace})`,
  },
  {
    of: (labels) => named('Flux Kustomization', labels['kustomize.toolkit.fluxcd.io/name']),
    leave: (_, name) => `take it out of Kustomization ${name} in Git`,
  },
  {
    of: (_, annotations) =>
      named('Argo CD application', annotations['argocd.argoproj.io/tracking-id']?.split(':')[0]),
    leave: (_, name) => `delete Argo CD application ${name}`,
  },
  {
    of: (labels, annotations) =>
      labels['app.kubernetes.io/managed-by'] === 'Helm'
        ? named('Helm release', annotations['meta.helm.sh/release-name'])
        : undefined,
    leave: (namespace, name) => `helm uninstall ${name} --namespace ${namespace}`,
  },
]

/**
 * Requires that no other tool installs a live object.
 * @param env the environment that would take it over, for the hint
 * @throws KitError exit 5 naming the tool and its release, and how to move to the kit with data and keys
 */
export function requireNoOtherTool(live: LiveObject, env: string): void {
  const { labels = {}, annotations = {}, namespace = '' } = live.metadata
  for (const { of, leave } of tools) {
    const maker = of(labels, annotations)
    if (maker === undefined) continue
    const home = annotations['meta.helm.sh/release-namespace'] ?? namespace
    throw new KitError(`${nameOf(live)} was made by ${maker}`, {
      exitCode: exitCodes.conflict,
      details: [
        'Both would install it, and each would revert the other. It was left as it is.',
        'Moving keeps data and keys: README.md, "Moving from another installation".',
      ],
      hint: `save what it holds: kubectl get secrets,configmaps --namespace ${namespace} -o yaml >saved.yaml (it has passwords: chmod 600), and a dump of its database; write its keys into credentials/${env}; ${leave(home, maker.split(' ').at(-1) ?? '')}; then run the same command again. To keep both, give this environment another name`,
    })
  }
}
