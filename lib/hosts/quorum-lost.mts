/** Where the README tells how one server goes on alone, and the others join it anew. */
export const quorumLostSection = 'scripts/09_k3s/README.md, "When most servers are lost"'

/** A hint to the README on how to restore a cluster that has lost most of its servers for good. */
export const quorumLost = `Machines that are gone for good: ${quorumLostSection}`
