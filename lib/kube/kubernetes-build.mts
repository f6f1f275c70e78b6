/** The kind of a Kubernetes build, by the version its kubelets report. */
export interface KubernetesBuild {
  readonly version: string
  /**
   * `release`: a release of K3s, or another distribution. `source`: K3s built from a commit. `other`: a build under a
   * name of its own, which is not K3s.
   */
  readonly kind: 'release' | 'source' | 'other'
  /** As shown to operators: `K3s v1.36.5+k3s1`. */
  readonly text: string
}

/**
 * Classifies a version by the name that K3s' build scripts give it (scripts/version.sh of K3s): `v1.36.5+k3s1` is a
 * release, `v1.36.5+k3s-469d009f` was built from a commit.
 * @param version a Node's `status.nodeInfo.kubeletVersion`
 */
export function kubernetesBuild(version: string): KubernetesBuild {
  if (version === '') return { version, kind: 'other', text: 'a Kubernetes that does not tell its version' }
  const [, suffix] = /\+k3s(.*)$/.exec(version) ?? []
  if (suffix === undefined) return { version, kind: 'release', text: `Kubernetes ${version}` }
  if (/^\d+$/.test(suffix)) return { version, kind: 'release', text: `K3s ${version}` }
  if (/^-[0-9a-f]{7,40}$/.test(suffix))
    return { version, kind: 'source', text: `K3s ${version}, built from source` }
  const name = suffix.replace(/^-/, '')
  return { version, kind: 'other', text: `${version}: a build called ${name}, not K3s itself` }
}
