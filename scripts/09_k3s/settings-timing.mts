// How soon the cluster reacts to a lost node. No settings: every server needs the same values, and checks rely on them.

/** Seconds without a status of its kubelet after which a node is NotReady, and its pods are removed from Services. */
export const graceSeconds = 20

/** Seconds after which pods of a lost node are evicted, unless they have tolerations of their own. */
export const leaveAfterSeconds = 30
