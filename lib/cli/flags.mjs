// The complete table of verbs and flags (DESIGN section 5), as data. Plain .mjs: the master prints its help on any
// version of Node, without another import.

/**
 * @typedef {object} Flag
 * @property {string} name
 * @property {'boolean' | 'string' | 'list' | 'number?'} kind   list: may be given several times; number?: its value may be left out
 * @property {string} [value]                       the name of its value in the help
 * @property {string} help
 * @property {('master' | 'apply_all' | 'step')[]} of  the programs that accept it
 */

const everywhere = /** @type {const} */ (['master', 'apply_all', 'step'])
const wholeModule = /** @type {const} */ (['master', 'apply_all'])

/** @type {readonly Flag[]} */
export const flags = [
  {
    name: 'module',
    kind: 'string',
    value: 'LIST',
    of: ['master'],
    help: 'modules to work on: 12, n8n, 9,12 or 10-12. None: all, in order',
  },
  { name: 'skip', kind: 'string', value: 'LIST', of: ['master'], help: 'modules to leave out' },
  {
    name: 'from',
    kind: 'string',
    value: 'N',
    of: ['master'],
    help: 'the full install from this module on; refused while an earlier one has changes pending',
  },
  { name: 'all', kind: 'boolean', of: ['master'], help: 'the full install with its optional modules' },
  {
    name: 'env',
    kind: 'string',
    value: 'NAME',
    of: [...everywhere],
    help: 'environment: dev, staging, prod, ... Needless while credentials/ holds just one',
  },
  {
    name: 'plan',
    kind: 'boolean',
    of: [...everywhere],
    help: 'show what would change, field by field; write nothing. Exit 0: nothing, 4: changes',
  },
  {
    name: 'offline',
    kind: 'boolean',
    of: [...everywhere],
    help: 'with --plan: ask no host and no cluster; every object as YAML on stdout',
  },
  {
    name: 'verify',
    kind: 'boolean',
    of: [...wholeModule],
    help: 'run the checks and write the report; change nothing',
  },
  {
    name: 'upgrade',
    kind: 'boolean',
    of: [...wholeModule],
    help: 'move to the versions in versions.json; nothing else changes a version',
  },
  {
    name: 'status',
    kind: 'boolean',
    of: [...wholeModule],
    help: 'what is installed, how it is now, what is pending; without --module of all; change nothing',
  },
  {
    name: 'rollback',
    kind: 'number?',
    value: '[REV]',
    of: [...wholeModule],
    help: 'back to an earlier revision; without REV the newest validated one that differs',
  },
  {
    name: 'drill',
    kind: 'boolean',
    of: [...wholeModule],
    help: 'break something on purpose and see it heal; wants --confirm MODULE',
  },
  {
    name: 'uninstall',
    kind: 'boolean',
    of: [...wholeModule],
    help: 'delete the objects of the module, newest first; wants --confirm MODULE',
  },
  {
    name: 'limit',
    kind: 'string',
    value: 'HOST,...',
    of: [...everywhere],
    help: 'only these hosts of servers.tsv: install, with --uninstall take them out of the cluster, with --drill stop them',
  },
  {
    name: 'answers',
    kind: 'string',
    value: 'FILE',
    of: [...everywhere],
    help: "settings to use, as KEY='value' lines; they replace saved ones",
  },
  {
    name: 'set',
    kind: 'list',
    value: 'KEY=VALUE',
    of: [...everywhere],
    help: 'one setting to use; secrets are refused, the command line is public',
  },
  {
    name: 'force-conflicts',
    kind: 'boolean',
    of: [...everywhere],
    help: 'take back fields that were changed by hand in the cluster',
  },
  {
    name: 'confirm',
    kind: 'list',
    value: 'NAME',
    of: [...everywhere],
    help: 'a name you would have to type: prod for a protected environment, n8n for --uninstall and --drill, a host',
  },
  {
    name: 'wait',
    kind: 'boolean',
    of: [...everywhere],
    help: 'wait while another run works on this cluster',
  },
  {
    name: 'json',
    kind: 'boolean',
    of: [...wholeModule],
    help: 'with --plan and --status: one JSON document a module, one a line, on stdout',
  },
  {
    name: 'yes',
    kind: 'boolean',
    of: [...everywhere],
    help: 'answer confirmations with yes; never gives a password, never answers for prod',
  },
  { name: 'no-input', kind: 'boolean', of: [...everywhere], help: 'never ask; what is missing is listed' },
  { name: 'no-color', kind: 'boolean', of: [...everywhere], help: 'no colours' },
  { name: 'help', kind: 'boolean', of: [...everywhere], help: 'this text' },
]

/**
 * The help text of one kind of program.
 * @param {'master' | 'apply_all' | 'step'} program
 * @param {string} usage
 * @returns {string}
 */
export function helpText(program, usage) {
  const rows = flags
    .filter((flag) => flag.of.includes(program))
    .map(({ name, value = '', help }) => `  ${`--${name} ${value}`.padEnd(22)} ${help}`)
  return [usage, '', ...rows, '', 'Exit codes: README.md, "Exit codes".'].join('\n')
}
