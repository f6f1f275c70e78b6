import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Check } from '../../lib/checks/checks.mts'
import { root } from '../../lib/base/files.mts'
import { ownFileName } from '../../lib/settings/credentials.mts'
import { folderOf } from '../../lib/base/names.mts'
import type { Module } from '../../lib/run/module.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { checks as k3sChecks } from '../../scripts/09_k3s/checks.mts'
import type { HostCheck } from '../../scripts/09_k3s/preflight/check.mts'
import { hostChecks } from '../../scripts/09_k3s/preflight/checks.mts'
import { k3s } from '../../scripts/09_k3s/module.mts'
import { checks as keybuzzChecks } from '../../scripts/10_keybuzz/checks.mts'
import { keybuzz } from '../../scripts/10_keybuzz/module.mts'
import { checks as chatwootChecks } from '../../scripts/11_chatwoot/checks.mts'
import { chatwoot } from '../../scripts/11_chatwoot/module.mts'
import { checks as n8nChecks } from '../../scripts/12_n8n/checks.mts'
import { n8n } from '../../scripts/12_n8n/module.mts'
import { checks as supersetChecks } from '../../scripts/13_superset/checks.mts'
import { superset } from '../../scripts/13_superset/module.mts'
import { checks as vaultChecks } from '../../scripts/14_vault/checks.mts'
import { vault } from '../../scripts/14_vault/module.mts'
import { checks as llmChecks } from '../../scripts/15_llm/checks.mts'
import { llm } from '../../scripts/15_llm/module.mts'

// The tables of the READMEs, made from the code they describe. `npm run docs` writes them; a unit test compares.

type Titled = Pick<Check<never>, 'id' | 'title' | 'fix' | 'places'>

export interface Documented {
  readonly module: Module
  readonly checks: readonly Titled[]
  /** What is asked of hosts, by a module that works on them. */
  readonly hostChecks?: readonly HostCheck[]
}

/** Every README with tables, and what its tables are made from. */
export const documented: readonly Documented[] = [
  { module: k3s, checks: k3sChecks, hostChecks },
  { module: keybuzz, checks: keybuzzChecks },
  { module: chatwoot, checks: chatwootChecks },
  { module: n8n, checks: n8nChecks },
  { module: superset, checks: supersetChecks },
  { module: vault, checks: vaultChecks },
  { module: llm, checks: llmChecks },
]

const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

function defaultOf({ kind, default: fallback, generate, optional, keep, when }: Setting): string {
  if (generate !== undefined) return 'generated'
  if (optional === true && keep === true) return 'made with the cluster'
  if (fallback === undefined && when !== undefined)
    return kind === 'file' ? 'needed where it applies' : 'asked where it applies'
  if (typeof fallback === 'function') return 'from other settings'
  return fallback === undefined ? (optional === true ? 'none' : '**asked**') : `\`${fallback}\``
}

const fileOf = (module: Module, setting: Setting): string => {
  if (setting.kind === 'file') return `\`${ownFileName(module, setting)}\``
  if (setting.transient === true) return 'not saved'
  return module.settings.includes(setting) ? 'own' : 'platform.env'
}

const settingsTable = (module: Module): string =>
  [
    row('key', 'what', 'default', 'file'),
    row('---', '---', '---', '---'),
    ...[...module.settings, ...module.shared].map((setting) =>
      row(
        `\`${setting.key}\``,
        [setting.title, ...(setting.help === undefined ? [] : [setting.help])].join('. '),
        defaultOf(setting) + (setting.keep === true ? ', never replaced' : ''),
        fileOf(module, setting),
      ),
    ),
  ].join('\n')

const checksTable = (checks: readonly Titled[]): string =>
  [
    row('check', 'what it proves', 'when it fails'),
    row('---', '---', '---'),
    ...checks.map(({ id, title, fix }) => row(`\`${id}\``, title, fix)),
  ].join('\n')

const hostChecksTable = (checks: readonly HostCheck[]): string =>
  [
    row('check', 'what must be so', 'fix', 'may be waived'),
    row('---', '---', '---', '---'),
    ...checks.map(({ id, title, fix, waivable }) => row(`\`${id}\``, title, fix, waivable ? 'yes' : 'no')),
  ].join('\n')

const between = (text: string, name: string, table: string): string =>
  text.replace(
    new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`),
    (_all, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
  )

/** Each README's path, its text as it is, and as its tables say it should be. */
export const readmes = () =>
  documented.map(({ module, checks, hostChecks = [] }) => {
    const path = join(root, 'scripts', folderOf(module), 'README.md')
    const before = readFileSync(path, 'utf8')
    const tables = {
      settings: settingsTable(module),
      checks: checksTable(checks),
      'host-checks': hostChecksTable(hostChecks),
    }
    const after = Object.entries(tables).reduce((text, [name, table]) => between(text, name, table), before)
    return { path, before, after }
  })

/** Writes the tables. */
export function writeTables(): void {
  for (const { path, before, after } of readmes()) if (before !== after) writeFileSync(path, after)
}
