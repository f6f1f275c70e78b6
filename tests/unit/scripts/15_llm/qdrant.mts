import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { root } from '../../../../lib/base/files.mts'
import { llm } from '../../../../scripts/15_llm/module.mts'
import type { StatefulSet } from '../../../../lib/kube/types.mts'
import { freePort } from '../../free-port.mts'
import { saved, settingsFor } from './settings.mts'

// The practice platform's Qdrant on loopback: the real engine behind a server of the platform's own.

const engine = execFileSync('bash', ['-c', '. tests/tools.bash && qdrant_edge_at'], {
  cwd: root,
  encoding: 'utf8',
}).trim()

/** Why its tests cannot run here; false where they can. CI has to have it. */
export const withoutEngine: string | false =
  existsSync(engine) || process.env['CI'] === 'true'
    ? false
    : 'needs the Python package qdrant-edge-py in the cache: . tests/tools.bash; qdrant_edge'

const program = join(root, 'tests/practice/images/contract/qdrant.py')
export const key = saved['QDRANT_API_KEY'] ?? ''

/** What the kit's own StatefulSet tells Qdrant, with its folders below another one. */
function environment(folder: string): Record<string, string> {
  const objects = Object.values(llm.objects(settingsFor(), { litellm: 'litellm', qdrant: 'qdrant' })).flat()
  const set = objects.find(({ kind }) => kind === 'StatefulSet') as unknown as StatefulSet
  const [container] = set.spec?.template.spec?.containers ?? []
  return Object.fromEntries(
    (container?.env ?? []).map(({ name, value }) => [
      name,
      value === undefined ? key : value.replace(/^\/qdrant(?=\/)/, folder),
    ]),
  )
}

/** One process of it. */
export interface Qdrant {
  readonly url: string
  /** The first line of its log. */
  readonly firstLine: string
  /** Ends it. @returns its exit code, null after SIGKILL */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/**
 * Starts it.
 * @param folder where it keeps what the kit's pod keeps in its volume and scratch folder
 * @throws Error with the lines of its log when it ends before it listens
 */
export async function startQdrant(folder: string, more: Record<string, string> = {}): Promise<Qdrant> {
  const port = await freePort()
  const child = spawn('python3', [program], {
    env: {
      PATH: process.env['PATH'],
      PYTHONPATH: engine,
      CONTRACT_VERSION: '1.19.0',
      QDRANT__SERVICE__HOST: '127.0.0.1',
      QDRANT__SERVICE__HTTP_PORT: String(port),
      ...environment(folder),
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const errors = text(child.stderr)
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (line.startsWith('listening')) {
      child.stdout.resume()
      return {
        url: `http://127.0.0.1:${port}`,
        firstLine: lines[0] ?? '',
        async end(signal) {
          child.kill(signal)
          const [code] = (await ended) as [number | null]
          return code
        },
      }
    }
  }
  const [code] = (await ended) as [number | null]
  throw new Error([`exit ${code}`, ...lines, await errors].join('\n'))
}

/** A folder for one of them, which is removed afterwards. */
export function folderFor(after: (remove: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-qdrant-'))
  after(() => rmSync(folder, { recursive: true }))
  return folder
}
