import { isKnownByNodes } from './modules.mts'
import type { Module } from './module.mts'
import { kubernetesBuild } from '../kube/kubernetes-build.mts'
import { policyLine } from './policies.mts'
import type { Session } from './session.mts'
import type { ReportFacts } from '../checks/tests.mts'
import { trustedFiles } from '../settings/trusted-files.mts'
import { describeImage, kitVersion } from '../settings/versions.mts'

/** The content of a report apart from its outcomes. @throws KitError exit 2 listing settings that are missing */
export function reportFacts<M extends Module>(session: Session<M>): ReportFacts {
  const { module, env, opened, versions, ownVersions, chosen, policies, reporter } = session
  const settings = session.inputs.current()
  const current = opened?.revisions.current
  const applied = current?.manifests.filter(({ kind }) => kind === 'NetworkPolicy').length ?? 0
  const { images } = chosen()
  // On an adopted cluster, none of the module's images runs.
  const own = current?.state === 'adopted' ? [] : module.images.filter((name) => name in images)
  return {
    env,
    cluster: opened?.cluster.name ?? '',
    revision: current?.number,
    kit: kitVersion(),
    warnings: reporter.warnings,
    kubernetes: (opened?.look.kubernetes ?? []).map(kubernetesBuild),
    makesCluster: isKnownByNodes(module.number),
    ownVersions,
    // The hosts of an adopted cluster got no file from the kit.
    files: module.machines === undefined || current?.state === 'adopted' ? [] : trustedFiles(env),
    images: own.map((name) => describeImage(name, images[name] ?? '', versions)),
    access: module.information?.(settings) ?? [],
    notProven: [
      ...(module.notProven?.(settings) ?? []),
      ...(module.scope === 'cluster' && module.flows === undefined ? [] : [policyLine(policies(), applied)]),
    ],
    drilled: current?.drills ?? {},
  }
}
