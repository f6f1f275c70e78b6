import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where helm_4 of tests/tools.bash keeps the helm it has fetched. */
const cached = join(
  process.env['KEYBUZZ_PRACTICE_CACHE'] ?? join(homedir(), '.cache/keybuzz-practice'),
  'bench/helm-4.1.4',
)

/** The helm for tests that need a real one: KEYBUZZ_HELM, the one on PATH, or the one tests/run has fetched. */
export function realHelm(): { real: string; skip: string | false } {
  const real = process.env['KEYBUZZ_HELM'] ?? onPath() ?? (existsSync(cached) ? cached : undefined)
  return { real: real ?? '', skip: real === undefined ? 'no helm on this machine' : false }
}

function onPath(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v helm'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}
