/** Where an operator reads how a cluster is brought back of which most servers are gone for good. */
export const quorumLost =
  'Machines that are gone for good: scripts/09_k3s/README.md, "When most servers are lost"'
