import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Container } from '../../../lib/kube/types.mts'

/**
 * Runs a container's command with files in place of Vault's.
 * @param entry false where the image has no entrypoint: the program is the first of the arguments then
 * @returns what the program has then: its environment, and its arguments after WORDS
 */
export function started(
  one: Container,
  files: Record<string, string>,
  entry = true,
): { status: number; env: string; words: string } {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-vault-'))
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    const { command = [], args = [], env = [] } = one
    const program = join(folder, entry ? 'program' : (args[0] ?? ''))
    writeFileSync(program, '#!/bin/sh\nenv; echo "WORDS $*"\n', { mode: 0o755 })
    const [shell = '', ...words] = command
    const variables = env.map(({ name, value = '' }) => [name, value.replace('/vault/secrets', folder)])
    const line = entry ? [...words.slice(0, -1), program, ...args] : [...words, ...args]
    const said = execFileSync(shell, line, {
      env: {
        PATH: `${folder}:${process.env['PATH']}`,
        ...(Object.fromEntries(variables) as Record<string, string>),
      },
      encoding: 'utf8',
      stdio: 'pipe',
    })
    const lines = said.split('\n')
    return {
      status: 0,
      env: lines.filter((line) => !line.startsWith('WORDS')).join('\n'),
      words: lines.find((line) => line.startsWith('WORDS')) ?? '',
    }
  } catch (thrown) {
    return { status: (thrown as { status?: number }).status ?? -1, env: '', words: '' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
