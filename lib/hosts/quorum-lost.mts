/** A hint to the README on how to restore a cluster that has lost most of its servers for good. */
export const quorumLost =
  'Machines that are gone for good: scripts/09_k3s/README.md, "When most servers are lost"'
