import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainLines } from '../../../../lib/kube/rollout/failure.mts'
import { failures as failuresOf } from '../../../../scripts/13_superset/failures.mts'
import { aliveCommand } from '../../../../scripts/13_superset/pods.mts'
import { preflight } from '../../../../scripts/13_superset/python.mts'
import type { SupersetSettings } from '../../../../scripts/13_superset/settings.mts'
import { packages, runPython, withoutPython } from './python.mts'

const failures = failuresOf({ ENV: 'staging' } as SupersetSettings)

// The preflight by real Python, in an image that is right and in images that are wrong in one thing.

const python = { skip: withoutPython }

const image: Readonly<Record<string, string>> = {
  ...packages,
  'superset_config.py': '',
  ...Object.fromEntries(['gunicorn', 'celery', 'superset'].map((name) => [`bin/${name}`, '#!/bin/sh\n'])),
}

const without = (...paths: string[]) =>
  Object.fromEntries(Object.entries(image).filter(([path]) => !paths.some((one) => path.startsWith(one))))

/** The user superset of the image, as its passwd has it. */
const user = (uid: string) => `
import pwd
class User: pw_name, pw_uid = 'superset', ${uid}
pwd.getpwall = lambda: [User]
`

test('an image that is right: what it has, and exit 0', python, () => {
  const { status, stdout, stderr } = runPython(
    user('os.getuid()').replace('import pwd', 'import os, pwd') + preflight,
    image,
    {},
  )
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^preflight: uid \d+ kombu 5\.5\.4 redis 5\.3\.1 .*superset_config\.py\n$/)
})

const wrong: [what: string, said: RegExp, files: Record<string, string>, env?: Record<string, string>][] = [
  ['no driver', /preflight: no module psycopg2/, without('psycopg2')],
  ['another application', /preflight: no package superset/, without('superset/')],
  ['no redis', /preflight: no module redis/, without('redis/')],
  [
    'Celery 5.7 beside redis 5',
    /preflight: kombu 5\.7\.0 does not work with redis 5\.3\.1/,
    { ...image, 'kombu/__init__.py': "__version__ = '5.7.0'" },
  ],
  ['no gunicorn', /preflight: no program gunicorn/, without('bin/gunicorn')],
  ['reports without a browser', /preflight: no browser\n/, image, { REPORTS: 'true' }],
  [
    'reports with Firefox, which the configuration does not use',
    /preflight: no browser\n/,
    { ...image, 'bin/firefox': '#!/bin/sh\n' },
    { REPORTS: 'true' },
  ],
  [
    'a browser without its driver',
    /preflight: no browser driver chromedriver/,
    { ...image, 'bin/chromium': '#!/bin/sh\n' },
    { REPORTS: 'true' },
  ],
  [
    'a folder it may not write into',
    /preflight: cannot write into/,
    image,
    { SUPERSET_HOME: '/proc/1/none' },
  ],
  ['no configuration', /No module named 'superset_config'/, without('superset_config')],
  [
    'a configuration that lacks a variable',
    /KeyError: 'REDIS_HOST'/,
    { ...image, 'superset_config.py': "import os; os.environ['REDIS_HOST']" },
  ],
]
for (const [what, said, files, env = {}] of wrong)
  test(`${what}: exit 1, said in one line, and explained with what to do`, python, () => {
    const { status, stderr } = runPython(preflight, files, env)
    assert.equal(status, 1)
    assert.match(stderr, said)
    if (what === 'no configuration') return
    const { known } = explainLines(stderr.split('\n'), failures)
    assert.ok(known?.next)
  })

test('another uid than the image’s user: which one it is', python, () => {
  const { status, stderr } = runPython(user('54321') + preflight, image, {})
  assert.equal(status, 1)
  assert.match(stderr, /preflight: uid \d+ is not the user superset of the image, which is 54321/)
})

test('the probe ends with 0 while the sign of life is young, else with 1', python, () => {
  const [, , text] = aliveCommand
  const at = (seconds: number) =>
    runPython(
      `import os, time
open('/tmp/celery-alive', 'w').close(); os.utime('/tmp/celery-alive', (0, time.time() - ${seconds}))
try:
    ${text.replaceAll('; ', '\n    ')}
finally:
    os.remove('/tmp/celery-alive')`,
      {},
      {},
    ).status
  assert.deepEqual([at(0), at(290), at(310)], [0, 0, 1])
})

const lines: [line: string, next: RegExp][] = [
  ["sqlalchemy.exc.NoSuchModuleError: ModuleNotFoundError: No module named 'psycopg2'", /Dockerfile/],
  [
    "alembic.util.exc.CommandError: Can't locate revision identified by '1a2b3c'",
    /newer image|restore the dump/,
  ],
  ['psycopg2.errors.DuplicateTable: relation "task" already exists', /restore the dump/],
  [
    'psycopg2.errors.InsufficientPrivilege: permission denied for table ab_user',
    /13_superset_01_deploy again: it names/,
  ],
  ['psycopg2.errors.LockNotAvailable: canceling statement due to lock timeout', /pg_stat_activity/],
  ['ValueError: Invalid decryption key', /original key/],
  ['Refusing to start due to insecure SECRET_KEY', /openssl rand -base64 42/],
  [
    'psycopg2.OperationalError: FATAL:  password authentication failed for user "superset"',
    /13_superset_01_deploy/,
  ],
  [
    'redis.exceptions.ConnectionError: SSL: CERTIFICATE_VERIFY_FAILED certificate verify failed',
    /platform\.redis\.ca/,
  ],
  [
    'connection to server at "db" (192.0.2.10), port 5432 failed: SSL error: certificate verify failed',
    /platform\.postgres\.ca/,
  ],
  ["gunicorn: 'tcp://10.43.0.1:8088' is not a valid port number.", /service links/],
]
test('the last lines of a Superset that does not start are explained', () => {
  for (const [line, next] of lines) assert.match(explainLines([line], failures).known?.next ?? '', next, line)
})
