// How soon the cluster acts on a lost node. Not asked: every server must be told alike, and the checks rely on it.

/** Seconds without a word of its kubelet after which a node is NotReady and leaves its Services. */
export const graceSeconds = 20

/** Seconds after which pods leave a node that is lost, unless they say otherwise themselves. */
export const leaveAfterSeconds = 30
