import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { root } from '../../../lib/base/files.mts'
import { definitionsIn } from '../../../lib/kube/apply/definitions.mts'
import { findHelm, helmOf, type Chart } from '../../../lib/kube/helm.mts'
import { documentsIn, manifestsOf } from '../../../lib/kube/render-manifests.mts'
import { firstDifference } from '../../../lib/kube/manifest-difference.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import { realHelm } from './real-helm.mts'

// What the kit asks of helm and takes from it: with a stand-in that prints, and where there is one with helm itself.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-helm-'))
after(() => rmSync(folder, { recursive: true }))

const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) =>
  thrown instanceof KitError && thrown.exitCode === exitCode && message.test(thrown.message)

const chart: Chart = { file: '/artifacts/a.tgz', release: 'a', namespace: 'shop', kubernetes: 'v1.36.3' }

let count = 0
/** A helm that prints this, and notes its words and its input. */
function printing(body: string, code = 0): { program: string; noted: () => string } {
  const program = join(folder, `helm-${(count += 1)}`)
  const notes = `${program}.notes`
  writeFileSync(
    program,
    `#!/bin/bash\necho "$* $HELM_NO_PLUGINS $(cat)" >>'${notes}'\n${body}\nexit ${code}\n`,
    { mode: 0o755 },
  )
  return { program, noted: () => (existsSync(notes) ? readFileSync(notes, 'utf8') : '') }
}

const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: null}\n'
const print = (text: string) => `cat <<'END'\n${text}END`

test('helm renders for the version of the cluster, with values that are in no file; nothing else is asked of it', async () => {
  const { program, noted } = printing(print(configMap))
  const objects = await helmOf(program).render(chart, { size: 1 })
  assert.deepEqual(objects, [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' } },
  ])
  const line = 'template a /artifacts/a.tgz --namespace shop --kube-version v1.36.3 --values - 1 {"size":1}\n'
  assert.equal(noted(), line + line)
})

test('with the checksum of its chart helm is started for what has changed alone', async () => {
  const { program, noted } = printing(
    `case $1 in show) echo kinds ;; *) ${print(configMap)} ;; esac`.replace('END ;;', 'END\n;;'),
  )
  const started = () => noted().split('\n').length - 1
  const render = (more: Partial<Chart> = {}, values = {}) =>
    helmOf(program).render({ ...chart, sha256: `of ${folder}`, ...more }, values)
  const first = await render()
  assert.equal(started(), 2)
  assert.deepEqual(await render(), first)
  assert.equal(started(), 2)
  for (const [at, again] of [
    () => render({}, { size: 2 }),
    () => render({ sha256: `other of ${folder}` }),
    () => render({ kubernetes: 'v1.37.0' }),
    () => (utimesSync(program, 0, 0), render()),
  ].entries()) {
    await again()
    assert.equal(started(), 4 + 2 * at)
  }
  const definitions = () => helmOf(program).definitions({ file: chart.file, sha256: `of ${folder}` })
  assert.deepEqual([await definitions(), await definitions()], ['kinds\n', 'kinds\n'])
  assert.equal(started(), 11)
})

test('hooks are left out, and what is in no namespace gets none', async () => {
  const hook = 'apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n'
  const role = 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n'
  const objects = await helmOf(printing(print(`${hook}---\n${role}`)).program).render(chart, {})
  assert.deepEqual(
    objects.map(({ kind, metadata }) => [kind, metadata?.namespace]),
    [['ClusterRole', undefined]],
  )
})

test('a chart that renders differently each time is refused with the key, never with the value', async () => {
  const { program } = printing(
    `echo "${configMap.replace('labels: null', 'namespace: b')}data: {admin-password: a$RANDOM$RANDOM}"`,
  )
  await assert.rejects(
    helmOf(program).render(chart, {}),
    fails(
      exitCodes.preflight,
      /^the chart renders differently each time \(key admin-password of ConfigMap b\/a\): it can never converge$/,
    ),
  )
})

for (const [what, body, code, message] of [
  ['a chart helm refuses', 'echo "Error: chart requires kubeVersion: >=1.40" >&2', 1, /helm does not render/],
  ['no objects', print('# nothing\n'), 0, /renders no objects/],
  ['what is no YAML', print('a: [\n'), 0, /is not YAML/],
  ['what is no object', print('kind: ConfigMap\n'), 0, /\[0\]\.apiVersion is missing/],
] as const) {
  test(`${what}: exit 3`, async () => {
    await assert.rejects(
      helmOf(printing(body, code).program).render(chart, {}),
      fails(exitCodes.preflight, message),
    )
  })
}

test('a refusal of helm is shown as it said it', async () => {
  const { program } = printing('echo "Error: chart requires kubeVersion: >=1.40" >&2', 1)
  await assert.rejects(
    helmOf(program).render(chart, {}),
    (thrown) => thrown instanceof KitError && /requires kubeVersion/.test(thrown.details.join(' ')),
  )
})

test('values of YAML 1.1 are texts: a plain = and a plain Y', () => {
  const [one] = manifestsOf(documentsIn(`${configMap}data: {sign: =, alert: Y}\n`)) as { data?: object }[]
  assert.deepEqual(one?.data, { sign: '=', alert: 'Y' })
})

test('without a helm the error says what to do; the one that is named is used, or told as not runnable', async () => {
  const before = process.env['PATH']
  try {
    process.env['PATH'] = '/usr/bin:/bin'
    delete process.env['KEYBUZZ_HELM']
    if (!existsSync('/usr/bin/helm'))
      await assert.rejects(
        findHelm(),
        (thrown) =>
          fails(exitCodes.preflight, /there is no helm on this machine/)(thrown) &&
          /KEYBUZZ_HELM.*MONITORING=false/.test((thrown as KitError).hint ?? ''),
      )
    process.env['KEYBUZZ_HELM'] = join(folder, 'none')
    await assert.rejects(findHelm(), fails(exitCodes.preflight, /cannot be run: KEYBUZZ_HELM names it/))
    process.env['KEYBUZZ_HELM'] = printing(print(configMap)).program
    assert.equal((await (await findHelm()).render(chart, {})).length, 1)
  } finally {
    process.env['PATH'] = before
    delete process.env['KEYBUZZ_HELM']
  }
})

const object = (name: string, more: object = {}) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'a', name }, ...more }) as Manifest

for (const [what, one, other, where] of [
  ['a value', [object('x', { data: { a: 1 } })], [object('x', { data: { a: 2 } })], 'key a of ConfigMap a/x'],
  ['a list', [object('x', { items: ['a'] })], [object('x', { items: ['b'] })], 'key items of ConfigMap a/x'],
  ['an object that went', [object('x'), object('y')], [object('x')], 'ConfigMap a/y'],
  ['an object that came', [object('x')], [object('x'), object('y')], 'ConfigMap a/y'],
  ['the order alone', [object('x'), object('y')], [object('y'), object('x')], 'order'],
] as const) {
  test(`where two renders differ: ${what}`, () => assert.equal(firstDifference(one, other), where))
}

const { real, skip } = realHelm()
const small = { ...chart, file: join(root, 'tests/fixtures/chart') }

test('helm itself: objects, definitions, namespaces, no nulls', { skip }, async () => {
  const helm = helmOf(real)
  const objects = await helm.render(small, { size: '2Gi', hook: true })
  assert.deepEqual(objects.map(({ kind, metadata }) => `${kind} ${metadata?.namespace ?? ''}`).toSorted(), [
    'ClusterRole ',
    'PersistentVolumeClaim shop',
    'Shelf kube-system',
    'StatefulSet shop',
  ])
  assert.equal((objects.find(({ kind }) => kind === 'Shelf') as { sign?: string }).sign, 'Y')
  assert.doesNotMatch(JSON.stringify(objects), /null|1Gi/)
  const definitions = definitionsIn(await helm.definitions(small))
  assert.deepEqual(
    definitions.map(({ name }) => name),
    ['shelves.small.example.com'],
  )
})

for (const [values, message] of [
  [{ drawn: true }, /key admin-password of ConfigMap shop\/a/],
  [{ broken: true }, /apiVersion is missing|does not render/],
] as const) {
  test(`helm itself: ${JSON.stringify(values)} is refused`, { skip }, async () => {
    await assert.rejects(helmOf(real).render(small, values), fails(exitCodes.preflight, message))
  })
}

test('helm itself: a Kubernetes that is too old for the chart', { skip }, async () => {
  await assert.rejects(
    helmOf(real).render({ ...small, kubernetes: 'v1.20.0' }, {}),
    (thrown) => thrown instanceof KitError && /kubeVersion/.test(thrown.details.join(' ')),
  )
})
