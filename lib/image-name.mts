// Pure: what an image reference means, as Docker and containerd read it.

/** An image reference, taken apart. */
export interface ImageName {
  /** host or host:port; Docker Hub's is docker.io. */
  readonly registry: string
  readonly repository: string
  /** A tag, or a digest, which counts more. */
  readonly reference: string
  /** As a node lists it. */
  readonly full: string
}

/** Takes an image reference with tag or digest apart. */
export function imageName(image: string): ImageName {
  const [named = '', digest] = image.split('@')
  const [, path = named, tag] = /^(.*):([^:/]+)$/.exec(named) ?? []
  const [first = '', ...rest] = path.split('/')
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const registry = hasRegistry ? first : 'docker.io'
  const short = hasRegistry ? rest.join('/') : path
  const repository = registry === 'docker.io' && !short.includes('/') ? `library/${short}` : short
  const reference = digest ?? tag ?? ''
  const full = `${registry}/${repository}${digest === undefined ? `:${reference}` : `@${reference}`}`
  return { registry, repository, reference, full }
}

const placeholders =
  /^(nginx|httpd|apache|caddy|alpine|busybox|debian|ubuntu|hello-world|hello-kubernetes|whoami|(http-)?echo(-?server)?|echoserver|httpbin|pause|placeholder|sample|dummy)(-unprivileged)?$/

/** One sentence when an image is known to be nobody's application. */
export function problemWithOwnImage(image: string): string | undefined {
  const last = imageName(image).repository.split('/').at(-1) ?? ''
  return placeholders.test(last) ? `${last} is a placeholder, not your application` : undefined
}
