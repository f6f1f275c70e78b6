// THE table of modules, in the order of a full run (DESIGN section 1). Plain .mjs: the master reads it on any Node.

/**
 * @typedef {object} ModuleRow
 * @property {number} number
 * @property {string} slug      its folder is `<number>_<slug>`, two digits
 * @property {string} title
 * @property {'required' | 'recommended' | 'optional'} inFullRun
 * @property {number[]} needs   modules that must be validated before
 * @property {'nodes'} [state]  whose version and health are those of the cluster's nodes, not of Deployments
 */

/** @type {readonly ModuleRow[]} */
export const modules = [
  { number: 9, slug: 'k3s', title: 'K3s HA core', inFullRun: 'required', needs: [], state: 'nodes' },
  { number: 10, slug: 'keybuzz', title: 'KeyBuzz API & Front', inFullRun: 'required', needs: [9] },
  { number: 11, slug: 'chatwoot', title: 'Chatwoot', inFullRun: 'required', needs: [9] },
  { number: 12, slug: 'n8n', title: 'n8n workflows', inFullRun: 'required', needs: [9] },
  { number: 13, slug: 'superset', title: 'Superset', inFullRun: 'optional', needs: [9] },
  { number: 14, slug: 'vault', title: 'Vault Agent injection', inFullRun: 'optional', needs: [9] },
  { number: 15, slug: 'llm', title: 'LiteLLM & AI services', inFullRun: 'optional', needs: [9] },
]
