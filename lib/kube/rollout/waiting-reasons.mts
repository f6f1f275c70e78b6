// Pure: reasons the kubelet gives for a container that waits and will not start by itself.

/** A waiting reason of a container, what it means and what to do. */
export interface Row {
  /** Waiting reason of the container (Kubernetes kubelet). */
  readonly reasons: readonly string[]
  /** Narrows the row to messages of this form. */
  readonly message?: RegExp
  readonly what: string
  readonly next: string
}

/** What to do about a container that cannot be created. */
export const cannotCreate = 'read the words above: a command, user or mount of the image does not fit'

/** Waiting reasons that do not end by themselves, the most specific message first. */
export const waitingRows: readonly Row[] = [
  {
    reasons: ['ErrImagePull', 'ImagePullBackOff'],
    message: /no match for platform|exec format|does not match the specified platform/i,
    what: 'image is for another processor architecture',
    next: 'choose an image made for this node’s architecture in versions.json',
  },
  {
    reasons: ['ErrImagePull', 'ImagePullBackOff'],
    message: /401|403|unauthorized|denied|authentication required/i,
    what: 'the registry refuses the pull',
    next: 'check the registry’s account and the pull Secret of this namespace',
  },
  {
    reasons: ['ErrImagePull', 'ImagePullBackOff'],
    message: /not found|404|manifest unknown/i,
    what: 'image not found',
    next: 'correct the image in versions.json, then run the same command with --upgrade',
  },
  {
    reasons: ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull'],
    what: 'image cannot be pulled',
    next: 'one that came to the nodes as a file: run module 9 again, it imports what a node has lost; else check that the nodes reach the registry, by name and through the firewall',
  },
  {
    reasons: ['InvalidImageName'],
    what: 'image name is not valid',
    next: 'correct the image in versions.json',
  },
  // A busy kubelet may be late with an existing Secret ("failed to sync secret cache") and retries: no row for that.
  {
    reasons: ['CreateContainerConfigError'],
    message: /not found|couldn't find key/i,
    what: 'a Secret or ConfigMap it needs is missing',
    next: 'run the whole module again: it makes them before the pods',
  },
  {
    reasons: ['CreateContainerConfigError'],
    message: /runAsNonRoot|runAsUser|non-numeric user/i,
    what: 'the image runs as a user its pod does not allow',
    next: 'build the image with a numeric user that is not root',
  },
  {
    reasons: ['CreateContainerError', 'RunContainerError'],
    what: 'the container cannot be created',
    next: cannotCreate,
  },
]
