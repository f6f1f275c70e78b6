// Image references in the values of charts, each of which has another form for them. Pure.

interface Image {
  readonly registry: string
  readonly repository: string
  readonly tag: string
  /** 64 digits; undefined without a digest. */
  readonly sha256: string | undefined
}

/** The parts of an image reference: `docker.io/grafana/grafana:13.2.0@sha256:...`. */
function partsOf(reference: string): Image {
  const [, name = '', tag = '', sha256] =
    /^(.*?)(?::([\w][\w.-]*))?(?:@sha256:([0-9a-f]{64}))?$/.exec(reference) ?? []
  const [first = '', ...rest] = name.split('/')
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  return isRegistry
    ? { registry: first, repository: rest.join('/'), tag, sha256 }
    : { registry: 'docker.io', repository: name, tag, sha256 }
}

/** The values of an image for charts that want the digits of a digest alone. */
export const imageWithSha = (reference: string) => {
  const { sha256, ...rest } = partsOf(reference)
  return { ...rest, sha: sha256 ?? '' }
}

/** The values of kube-state-metrics' image: its chart puts the text behind the @ as it is. */
export const imageWithPlainSha = (reference: string) => {
  const { sha256, ...rest } = partsOf(reference)
  return { ...rest, sha: sha256 === undefined ? '' : `sha256:${sha256}` }
}

/** The values of node-exporter's image. */
export const imageWithDigest = (reference: string) => {
  const { sha256, ...rest } = partsOf(reference)
  // The tag says it already.
  return { ...rest, distroless: false, digest: sha256 === undefined ? '' : `sha256:${sha256}` }
}

/** The operator chooses flags and configuration by the version of the program, not by the tag of its image. */
export const versionOf = (reference: string) => {
  const version = /:v?(\d+\.\d+\.\d+)/.exec(reference)?.[1]
  return version === undefined ? {} : { version: `v${version}` }
}
