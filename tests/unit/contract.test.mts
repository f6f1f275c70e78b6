import assert from 'node:assert/strict'
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { modules } from '../../scripts/modules.mjs'
import {
  againstOrder,
  arrowsBetween,
  cycles,
  homeless,
  importersOf,
  linesWith,
  missingFiles,
  oneModule,
  readGraph,
  roomOf,
  type Room,
} from './imports.mts'

// The skeleton every module folder obeys, and who may import what.
const root = join(import.meta.dirname, '../..')
const shebang = `#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'`
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')
const folders = readdirSync(join(root, 'scripts'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
)

/** The programs the specification names, by folder, without the folder's name before them. */
const specified: Readonly<Record<string, readonly string[]>> = {
  '10_keybuzz': [
    '00_setup_credentials',
    '01_deploy_api',
    '02_deploy_front',
    '03_configure_ingress',
    '04_tests',
  ],
  '11_chatwoot': ['00_setup_credentials', '01_deploy', '02_configure_ingress', '03_tests'],
  '12_n8n': ['00_setup_credentials', '01_deploy', '02_configure_ingress', '03_tests'],
  '13_superset': ['00_setup_credentials', '01_deploy', '02_configure_ingress', '03_tests'],
  '14_vault': ['00_setup_credentials', '01_deploy', '02_configure_injection', '03_tests'],
  '15_llm': [
    '00_setup_credentials',
    '01_deploy_litellm',
    '02_deploy_services',
    '03_configure_ingress',
    '04_tests',
  ],
}

/** The names module 9's first version had; 08 became module 14. */
const firstVersion = [
  '00_setup_credentials',
  '01_prepare',
  '02_install_control_plane',
  '03_join_workers',
  '04_bootstrap_addons',
  '05_ingress_daemonset',
  '06_deploy_core_apps',
  '07_install_monitoring',
  '09_final_validation',
]

const filesOf = (folder: string, steps: readonly string[]): string[] =>
  [...steps, 'apply_all'].map((step) => `${folder}_${step}.mts`)

test('the specification names 32 programs, and six modules', () => {
  const names = Object.entries(specified).flatMap(([folder, steps]) => filesOf(folder, steps))
  assert.equal(new Set(names).size, 32)
})

test('the table of modules and the folders are the same list', () => {
  const named = modules.map(({ number, slug }) => `${String(number).padStart(2, '0')}_${slug}`)
  assert.deepEqual(folders.toSorted(), named.toSorted())
})

for (const folder of folders) {
  const files = readdirSync(join(root, 'scripts', folder))
  const programs = files.filter((file) => file.startsWith(folder))

  test(`${folder}: its programs have the names of the specification`, () => {
    if (folder !== '09_k3s') {
      assert.deepEqual(programs.toSorted(), filesOf(folder, specified[folder] ?? []))
      return
    }
    const named = filesOf(folder, firstVersion)
    assert.deepEqual(
      programs.filter((file) => !named.includes(file)),
      [],
    )
  })

  test(`${folder}: has its data, its checks and its list of steps`, () => {
    for (const file of ['module.mts', 'checks.mts', `${folder}_apply_all.mts`])
      assert.ok(files.includes(file), file)
  })

  test(`${folder}: every program is executable and begins alike`, () => {
    for (const file of programs) {
      assert.equal(read('scripts', folder, file).split('\n')[0], shebang, file)
      accessSync(join(root, 'scripts', folder, file), constants.X_OK)
    }
  })

  test(`${folder}: apply_all lists exactly the steps there are, in their order`, () => {
    const imported = [
      ...read('scripts', folder, `${folder}_apply_all.mts`).matchAll(/from '\.\/(.*)\.mts'/g),
    ].map(([, name]) => name)
    const steps = programs
      .filter((file) => /_\d\d_/.test(file.slice(2)))
      .map((file) => file.replace('.mts', ''))
    assert.deepEqual(
      imported.filter((name) => name?.startsWith(folder)),
      steps.toSorted(),
    )
  })

  test(`${folder}: a step is short`, () => {
    for (const file of programs) assert.ok(read('scripts', folder, file).split('\n').length <= 60, file)
  })
}

const graph = readGraph(root, ['lib', 'scripts'])
const sources = graph.files
const isLib = (file: string): boolean => file.startsWith('lib/')

const kube = ['lib/kube', 'lib/kube/manifests', 'lib/kube/rollout', 'lib/kube/apply']

/** The rooms of lib, from the ground up: each imports itself and the rooms before it. */
const rooms: readonly Room[] = [
  roomOf('lib/base'),
  roomOf('lib/settings'),
  ...kube.map((folder) => roomOf(folder)),
  roomOf('lib/hosts', kube),
  roomOf('lib/backends'),
  roomOf('lib/state'),
  roomOf('lib/checks'),
  roomOf('lib/run'),
  roomOf('lib/verbs'),
  roomOf('lib/cli'),
]

const k3s = 'scripts/09_k3s'
const checked = ['addons', 'ingress', 'probes', 'monitoring'].map((name) => `${k3s}/${name}`)
const made = ['host', 'reach', 'prepare', 'preflight', 'nodes', 'remove'].map((name) => `${k3s}/${name}`)

/** The rooms of module 9: its settings, what is done to hosts, what is done in the cluster, its steps. */
const k3sRooms: readonly Room[] = [
  { name: `${k3s}/settings`, has: (file) => /^scripts\/09_k3s\/settings(-[a-z]+)?\.mts$/.test(file) },
  ...made.map((folder) => roomOf(folder)),
  ...checked.map((folder) => roomOf(folder, made)),
  roomOf(`${k3s}/checks`),
  roomOf(`${k3s}/drill`),
  {
    name: k3s,
    has: (file) => /^scripts\/09_k3s\/(?!settings(-[a-z]+)?\.mts)[^/]+\.mts$/.test(file),
  },
]

test('a room of lib imports only rooms before it, and every file of lib is in one', () => {
  assert.deepEqual(homeless(sources.filter(isLib), rooms), [])
  assert.deepEqual(againstOrder(graph, rooms), [])
})

test('a folder of module 9 imports only folders before it, and every file of it is in one', () => {
  assert.deepEqual(
    homeless(
      sources.filter((file) => file.startsWith(`${k3s}/`)),
      k3sRooms,
    ),
    [],
  )
  assert.deepEqual(againstOrder(graph, k3sRooms), [])
})

test('of scripts, lib imports the table of modules and nothing else; no module imports another', () => {
  const table = 'scripts/modules.mjs'
  assert.deepEqual(
    arrowsBetween(graph, isLib, (file) => !isLib(file) && file !== table),
    [],
  )
  const folderOf = (file: string): string => file.split('/')[1] ?? ''
  const inModule = (file: string): boolean => file.startsWith('scripts/') && file.split('/').length > 2
  assert.deepEqual(
    arrowsBetween(graph, inModule, (to, from) => inModule(to) && folderOf(to) !== folderOf(from)),
    [],
  )
})

test('no file imports one that imports it, types included', () => assert.deepEqual(cycles(graph), []))

test('every file that is imported exists', () => assert.deepEqual(missingFiles(graph), []))

for (const [library, home] of [
  ['zx', 'lib/base/command.mts'],
  ['@clack/prompts', 'lib/base/prompt.mts'],
  ['pg', 'lib/backends/postgres-login.mts'],
  ['@redis/client', 'lib/backends/redis-login.mts'],
  ['dotenv', 'lib/settings/env-file.mts'],
  ['node-ssh', 'lib/hosts/ssh-dial.mts'],
  ['ssh2', 'lib/hosts/open-private-key.mjs'],
  ['ws', 'lib/checks/http-upgrade.mts'],
  ['ipaddr.js', 'scripts/09_k3s/host/cidr.mts'],
  ['bcryptjs', 'scripts/12_n8n/owner.mts'],
] as const) {
  test(`only ${home} imports ${library}`, () => assert.deepEqual(importersOf(graph, library), [home]))
}

test('lib knows no module by its number, name or folder; nothing knows the practice platform', () => {
  // The server, which module 14 is named after: a choice of settings, and the audience of tokens.
  const server = ['lib/kube/manifests/injection.mts', 'lib/settings/platform-vault.mts']
  const found = linesWith(root, sources.filter(isLib), oneModule)
  assert.deepEqual(
    found.map((one) => one.split(':')[0]),
    server,
  )
  assert.deepEqual(
    sources.filter((file) => /practice/i.test(read(file))),
    [],
  )
})

test('a kubectl process is started for a program in a pod and for kubectl’s own version alone; the rest is HTTP', () => {
  const found = linesWith(root, sources, /\bkubectl\.(run|words)\b/)
  assert.deepEqual(
    found.map((one) => one.split(':')[0]),
    ['lib/kube/find-kubectl.mts', 'lib/kube/find-kubectl.mts', 'lib/kube/reader.mts'],
  )
})

test('programs of this machine are started in few files: kubectl by its proxy, for pods and for its version; K3s, helm and the kit itself', () => {
  const starting =
    /\bimport \{[^}]*\b(run|startInBackground)\b[^}]*\} from '[./]*(?:lib\/)?base\/(command|background)\.mts'|'(node:)?child_process'/
  assert.deepEqual(
    sources.filter((file) => starting.test(read(file))),
    [
      'lib/base/background.mts',
      'lib/base/end-with-parent.mts',
      'lib/kube/api-proxy.mts',
      'lib/kube/find-kubectl.mts',
      'lib/kube/helm.mts',
      'lib/kube/kubectl.mts',
      'scripts/09_k3s/nodes/release.mts',
    ],
  )
})

test('no module has a timer of its own: pauses and deadlines of lib hear Ctrl-C', () => {
  const files = graph.files.filter((file) => file.startsWith('scripts/'))
  assert.deepEqual(linesWith(root, files, /timers\/promises|(?<![.\w])set(Timeout|Interval|Immediate)\(/), [])
})

test('process.exit is called nowhere but where a second Ctrl-C ends at once', () => {
  const found = linesWith(root, sources, /process\.exit\(/)
  assert.deepEqual(
    found.map((one) => one.split(':')[0]),
    ['lib/base/signals.mts'],
  )
})

test('files of the operator are written by one function, which leaves the old one whole; logs, what is fetched and a cache by others', () => {
  const writing =
    /\b(writeFile|writeFileSync|appendFile|appendFileSync|openSync|renameSync|createWriteStream)\b|\brename\(/
  assert.deepEqual(
    sources.filter((file) => writing.test(read(file))),
    ['lib/base/files.mts', 'lib/base/log.mts', 'lib/base/own-record.mts', 'lib/base/part-file.mts'],
  )
})

test('a file has one job: none is over 200 lines', () => {
  for (const file of sources) assert.ok(read(file).split('\n').length <= 201, file)
})

test('CONTRIBUTING.md says what every room of lib and every folder of module 9 is for, in their order', () => {
  const rows = [...read('CONTRIBUTING.md').matchAll(/^\| `([a-z0-9_/]+)\/` \|/gm)].map(([, name]) => name)
  const named = [
    ...rooms.map(({ name }) => name.slice('lib/'.length)),
    ...[...made, ...checked, `${k3s}/checks`, `${k3s}/drill`].map((name) => name.slice('scripts/'.length)),
  ]
  assert.deepEqual(rows, named)
})

test('every function CONTRIBUTING.md names on the way of a run is exported by the file it names', () => {
  const hops = [...read('CONTRIBUTING.md').matchAll(/`([\w./-]+\.mts):(\w+)`/g)]
  assert.ok(hops.length >= 10)
  for (const [hop, file = '', name = ''] of hops)
    assert.match(read(file), new RegExp(`^export (async )?(function|const) ${name}\\b`, 'm'), hop)
})
