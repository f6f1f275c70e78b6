import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  failed,
  passed,
  runChecks,
  warning,
  type Answer,
  type CheckTools,
} from '../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { kubernetesBuild } from '../../../lib/kube/kubernetes-build.mts'
import { reportText, verdictOf, type Report } from '../../../lib/checks/report.mts'

// Checks here use no tool: an empty stand-in is enough.
const noTools = {} as Omit<CheckTools, 'once'>
const check = (id: string, ask: (tools: CheckTools) => Promise<Answer>) => ({
  id,
  title: `Title ${id}`,
  ask,
  fix: `Fix ${id}`,
})

test('a check that throws has failed, with what it threw', async () => {
  const [outcome] = await runChecks([check('a', () => Promise.reject(new Error('no answer')))], noTools)
  assert.equal(outcome?.result, 'failed')
  assert.equal(outcome?.evidence, 'no answer')
})

test('the words of a fix are filled in by the answer, else by the check, else by the module; also when it threw', async () => {
  const about = (ask: () => Promise<Answer>) => ({
    ...check('a', ask),
    fix: 'kubectl -n NAMESPACE logs POD, on NAME',
    places: () => ({ NAMESPACE: 'vault-injector', POD: '--all' }),
  })
  const outcomes = await runChecks(
    [
      about(() => Promise.resolve(failed('x', { POD: 'pod-1' }))),
      about(() => Promise.reject(new Error('x'))),
      { ...check('a', () => Promise.resolve(failed('x'))), fix: 'kubectl -n NAMESPACE logs' },
    ],
    { ...noTools, settings: { ENV: 'staging' } },
    () => {},
    { NAMESPACE: 'vault-staging', POD: '--selector a', NAME: 'k8s-1' },
  )
  assert.deepEqual(
    outcomes.map(({ fix }) => fix),
    [
      'kubectl -n vault-injector logs pod-1, on k8s-1',
      'kubectl -n vault-injector logs --all, on k8s-1',
      'kubectl -n vault-staging logs',
    ],
  )
})

test('once makes a thing a single time for all checks', async () => {
  let logins = 0
  const login = ({ once }: CheckTools) => once('login', () => Promise.resolve((logins += 1)))
  const ask = async (tools: CheckTools) => passed(String(await login(tools)))
  const outcomes = await runChecks([check('a', ask), check('b', ask)], noTools)
  assert.deepEqual(
    outcomes.map(({ evidence }) => evidence),
    ['1', '1'],
  )
})

const report = (outcomes: Report['outcomes'], warnings: Report['warnings'] = []): Report => ({
  number: 12,
  slug: 'n8n',
  title: 'n8n workflows',
  env: 'staging',
  cluster: 'kb-staging',
  revision: 4,
  kit: '0.1.0',
  when: '2026-11-23T10:15:02Z',
  outcomes,
  warnings,
  kubernetes: [kubernetesBuild('v1.36.5+k3s1')],
  makesCluster: false,
  ownVersions: [],
  files: [],
  images: [{ name: 'n8n', image: 'n8n:1', standIn: 'quick twin for tests', signature: 'keyless' }],
  access: [['Open', 'https://n8n.staging.example.com']],
  notProven: ['mail delivery'],
  drillsLeft: [],
})
const outcome = (id: string, answer: Answer) => ({
  id,
  title: `Title ${id}`,
  fix: `Fix ${id}`,
  milliseconds: 1200,
  ...answer,
})

test('the verdict is failed, passed with warnings, or passed', () => {
  assert.equal(verdictOf(report([outcome('a', passed('x'))])), 'passed')
  assert.equal(verdictOf(report([outcome('a', warning('x'))])), 'passed with warnings')
  assert.equal(verdictOf(report([outcome('a', passed('x'))], [{ text: 'w' }])), 'passed with warnings')
  assert.equal(verdictOf(report([outcome('a', warning('x')), outcome('b', failed('y'))])), 'failed')
})

test('the report shows failed checks first, with their fix, and says what was met', () => {
  const text = reportText(report([outcome('ok', passed('fine')), outcome('bad', failed('a | b'))]))
  assert.match(text, /^# 12 n8n workflows: failed/)
  assert.ok(text.indexOf('(bad)') < text.indexOf('(ok)'))
  assert.ok(text.includes('a \\| b<br>fix: Fix bad'))
  assert.ok(text.includes('**Met: a stand-in, not the real program** (n8n): quick twin for tests'))
  assert.ok(text.includes('- Signature: n8n, keyless, not verified by this kit'))
  assert.ok(text.includes('- mail delivery'))
})

test('a program that is not its publisher’s release is named as what it is, never as the real one', () => {
  const met = (image: object) =>
    reportText({ ...report([]), images: [{ name: 'vault-k8s', image: 'vault-k8s:1', ...image }] })
      .split('\n')
      .filter((line) => line.includes('Met'))
  assert.deepEqual(met({}), ['- Met: the real program'])
  assert.deepEqual(met({ made: 'built from source' }), ['- Met: vault-k8s, built from source'])
})

test('a few checks are asked at once; outcomes come, and are told, in the order of the checks', async () => {
  let running = 0
  let most = 0
  const ask = (milliseconds: number) => async () => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    running -= 1
    return passed(String(milliseconds))
  }
  const told: string[] = []
  const checks = [30, 5, 20, 1, 1, 1].map((milliseconds, at) => check(`c${at}`, ask(milliseconds)))
  const outcomes = await runChecks(checks, noTools, ({ id }) => told.push(id))
  assert.equal(most, 4)
  assert.deepEqual(told, ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'])
  assert.deepEqual(
    outcomes.map(({ evidence }) => evidence),
    ['30', '5', '20', '1', '1', '1'],
  )
})

test('an interruption ends the checks, whichever of them meets it first', async () => {
  const stopped = new KitError('stopped', { exitCode: exitCodes.interrupted })
  const late = check('a', async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return passed('late')
  })
  const interrupted = check('b', () => Promise.reject(stopped))
  await assert.rejects(runChecks([late, interrupted, interrupted], noTools), stopped)
})

test('a report names the Kubernetes that answered; the module that makes it never calls another build the real program', () => {
  const met = (version: string, makesCluster = true) =>
    reportText({
      ...report([]),
      images: [{ name: 'traefik', image: 'traefik:3' }],
      kubernetes: [kubernetesBuild(version)],
      makesCluster,
    })
  assert.match(met('v1.36.5+k3s1'), /- Kubernetes: K3s v1\.36\.5\+k3s1\n[\s\S]*- Met: the real program/)
  const source = met('v1.36.3+k3s-469d009f')
  assert.match(source, /- Met: K3s v1\.36\.3\+k3s-469d009f, built from source/)
  assert.doesNotMatch(source, /the real program/)
  const other = met('v1.36.3+k3s-rehearsal')
  assert.match(other, /\*\*Met: a stand-in, not the real program\*\* \(Kubernetes\): .* called rehearsal/)
  assert.doesNotMatch(other, /- Met: the real program/)
  // What an application met is told by its images; on which Kubernetes is said beside.
  const application = met('v1.36.3+k3s-rehearsal', false)
  assert.match(application, /- Kubernetes: .* called rehearsal[\s\S]*- Met: the real program/)
  assert.doesNotMatch(met(''), /- Met: the real program/)
  const unseen = reportText({
    ...report([]),
    images: [{ name: 'a', image: 'a:1' }],
    kubernetes: [],
    makesCluster: true,
  })
  assert.doesNotMatch(unseen, /- Met: the real program/)
  assert.match(met('v1.35.1+rke2r1'), /- Kubernetes: Kubernetes v1\.35\.1\+rke2r1/)
})

test('no line of a report can hold a link, code or HTML of a host or pod; the URLs it gives itself are links', () => {
  const foreign = '`[a](https://b.example) <i>'
  const text = reportText({
    ...report([outcome('a', failed(foreign))], [{ text: foreign, fix: foreign }]),
    kubernetes: [kubernetesBuild(`v1.36.5+k3s-${foreign}`)],
    makesCluster: true,
    access: [
      ['Open', 'https://n8n.staging.example.com'],
      ['Back up', foreign],
    ],
    notProven: [foreign],
  })
  assert.equal(text.split(String.raw`\`\[a\](`).length - 1, 9)
  assert.doesNotMatch(text, /(?<!\\)(\[a|<i|`\[)/)
  // Of its own words, fixes and access points: what an operator may want to follow.
  assert.ok(text.includes('- Open: https://n8n.staging.example.com\n'))
  const lines = text.split('\n').filter((line) => line.includes('https://b'))
  assert.deepEqual(
    lines.filter((line) => /failed|Kubernetes|stand-in/.test(line)),
    [],
  )
})

test('which checksum of a file was trusted, and how it was known, is in the report', () => {
  const files = [{ file: 'artifacts/k3s', sha256: '0a'.repeat(32), known: 'checksum file beside it' }]
  const text = reportText({ ...report([]), files })
  assert.match(text, /- File: artifacts\/k3s, sha256 (0a){32} \(checksum file beside it\)/)
})

test('versions that are this environment’s own are named', () => {
  const text = reportText({ ...report([]), ownVersions: ['k3s', 'n8n'] })
  assert.match(text, /credentials\/staging\/versions\.json\): k3s, n8n/)
  assert.doesNotMatch(reportText(report([])), /versions\.json/)
})
