import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { signOfLife } from '../../../../scripts/13_superset/configuration.mts'

// Real Python for the texts the module gives to it. The packages they import are stand-ins here, which only keep what
// they were given: redis, Celery, Flask-Caching and the driver are the image's.

const found = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' })

/** Why its tests cannot run here; false where they can. CI has to have it. */
export const withoutPython: string | false =
  found.status !== 0 && process.env['CI'] !== 'true' ? 'needs python3' : false

const program = (found.stdout ?? '').trim()

/** Stand-ins by their path. */
export const packages: Readonly<Record<string, string>> = {
  'superset/__init__.py': '',
  'psycopg2.py': '',
  'kombu/__init__.py': "__version__ = '5.5.4'",
  'redis/__init__.py': `
__version__ = '5.3.1'
class Redis:
    @staticmethod
    def from_url(url):
        return {'url': url}
`,
  'celery/__init__.py': "__version__ = '5.5.3'",
  'celery/schedules.py': 'def crontab(**when):\n    return when',
  'celery/signals.py': `
class Signal:
    def __init__(self):
        self.handlers = []
    def connect(self, handler):
        self.handlers.append(handler)
        return handler
before_task_publish, heartbeat_sent = Signal(), Signal()
`,
  'flask_caching/__init__.py': '',
  'flask_caching/backends/__init__.py': '',
  'flask_caching/backends/rediscache.py': `
def RedisCache(**how):
    return how
`,
}

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program text in a process that has this environment and nothing else. The sign of life is in a folder of its own.
 * @param files written into the folder PYTHONPATH leads to
 */
export function runPython(
  text: string,
  files: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
): Ended {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-python-'))
  const here = (content: string) => content.replaceAll(signOfLife, join(folder, 'alive'))
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), here(content), { mode: path.startsWith('bin/') ? 0o755 : 0o644 })
    }
    const env = {
      PATH: join(folder, 'bin'),
      SUPERSET_HOME: folder,
      ...environment,
      PYTHONPATH: folder,
      PYTHONDONTWRITEBYTECODE: '1',
    }
    const { status, stdout, stderr } = spawnSync(program, ['-c', here(text)], {
      env,
      encoding: 'utf8',
      timeout: 60_000,
    })
    return { status, stdout, stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
