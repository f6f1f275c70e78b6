#!/usr/bin/env node
// The master's door. It imports nothing outside Node, so that it can explain a wrong Node or missing packages
// instead of crashing, and shows its help at once. The work is in lib/cli/master.mts.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { helpText } from './lib/cli/flags.mjs'
import { modules } from './scripts/modules.mjs'

const usage = [
  './00_master_install.mjs [flags]',
  'Installs the modules of KeyBuzz, each validated before the next:',
  ...modules.map(
    ({ number, title, inFullRun }) => `  ${String(number).padStart(3)}  ${title}   ${inFullRun}`,
  ),
].join('\n')

const needed = [20, 12]

/** Exit code 3: this machine is not ready for the kit. */
function nodeProblem() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = needed
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined
  return `✗ Node ${process.versions.node} is too old: the kit needs ${needed.join('.')} or newer\n    next: install a current Node LTS, then run the same command again`
}

async function main() {
  const words = process.argv.slice(2)
  if (words.includes('--help')) {
    process.stdout.write(`${helpText('master', usage)}\n`)
    return
  }
  const problem = nodeProblem()
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`)
    process.exitCode = 3
    return
  }
  if (!existsSync(join(import.meta.dirname, 'node_modules'))) {
    process.stderr.write('✗ the kit’s packages are not installed\n    next: npm ci\n')
    process.exitCode = 2
    return
  }
  await import('./bin/runtime.mjs')
  await import('./scripts/master.mts')
}

await main()
