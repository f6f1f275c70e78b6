import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KitError } from '../../../lib/base/errors.mts'
import { root } from '../../../lib/base/files.mts'
import { clusterServers, leftOut, parseServers } from '../../../lib/hosts/servers.mts'

const example = readFileSync(join(root, 'servers.example.tsv'), 'utf8')
const header = example.split('\n').find((line) => line.startsWith('ENV')) ?? ''
/** ENV IP_PUBLIQUE HOSTNAME IP_PRIVEE FQDN USER_SSH POOL ROLE SUBROLE DOCKER_STACK CORE NOTES */
const good =
  'prod\t198.51.100.1\tk8s-master-01\t192.0.2.1\tk8s-master-01.example.com\troot\tk3s-masters\tk3s\tmaster\tk3s-control-plane\tyes\tMaître nº 1'
const other = good.replaceAll('master-01', 'master-02').replace('192.0.2.1\t', '192.0.2.2\t')
const file = (...lines: string[]) => `${lines.join('\n')}\n`
const withCell = (before: string, after: string) => file(header, good.replace(before, after))

const problemsOf = (text: string): readonly string[] => {
  try {
    parseServers('servers.tsv', text)
  } catch (thrown) {
    assert.ok(thrown instanceof KitError && thrown.exitCode === 2)
    return thrown.details
  }
  return []
}

const bad: Readonly<Record<string, readonly [text: string, problem: RegExp]>> = {
  'empty file': ['', /line 1: the file is empty/],
  'no row': [file(header), /line 1: there is no machine below/],
  'no header': [file(good), /column ENV: is not in the header/],
  'a column less': [file(header.replace('\tIP_PRIVEE', ''), good), /column IP_PRIVEE: is not in the header$/],
  'a column misspelt': [
    file(header.replace('IP_PRIVEE', 'IP_PRIVE'), good),
    /IP_PRIVEE: is not in the header; is it "IP_PRIVE"\?/,
  ],
  'a column twice': [file(`${header}\tROLE`, `${good}\tk3s`), /column ROLE: is there twice/],
  commas: [file(header.replaceAll('\t', ','), good.replaceAll('\t', ',')), /separated by ","/],
  semicolons: [file(header.replaceAll('\t', ';'), good), /separated by ";"/],
  'blanks for tabs': [file(header.replaceAll('\t', '  '), good), /separated by blanks/],
  'a row with blanks for tabs': [
    file(header, good.replaceAll('\t', '   ')),
    /line 2: its columns are separated by blanks/,
  ],
  'a cell too few': [file(header, good.replace('\tyes', '')), /line 2: has 11 cells, the header 12/],
  'a cell too many': [file(header, `${good}\tmore`), /line 2: has 13 cells, the header 12/],
  'no environment': [withCell('prod\t', '\t'), /line 2, column ENV: is empty/],
  'an environment in capitals': [withCell('prod\t', 'PROD\t'), /column ENV: "PROD" is no environment/],
  'no name': [withCell('\tk8s-master-01\t', '\t\t'), /column HOSTNAME: is empty/],
  'a name in capitals': [withCell('\tk8s-master-01\t', '\tK8s-Master-01\t'), /capital letters/],
  'a name with an underscore': [withCell('\tk8s-master-01\t', '\tk8s_master_01\t'), /underscore/],
  localhost: [withCell('\tk8s-master-01\t', '\tlocalhost\t'), /localhost is no name/],
  'a name too long': [withCell('\tk8s-master-01\t', `\t${'a'.repeat(64)}\t`), /64 characters long/],
  'no private address': [withCell('192.0.2.1\t', '\t'), /column IP_PRIVEE: is empty/],
  'an address with a letter': [withCell('192.0.2.1\t', '192.0.2.l\t'), /"192\.0\.2\.l" is not an IPv4/],
  loopback: [withCell('192.0.2.1\t', '127.0.1.1\t'), /is the machine itself/],
  'a link-local address': [withCell('192.0.2.1\t', '169.254.3.4\t'), /link-local/],
  'a multicast address': [withCell('192.0.2.1\t', '224.0.0.1\t'), /is no host's address/],
  'a role that is nearly k3s': [
    withCell('\tk3s\tmaster', '\tK3s\tmaster'),
    /column ROLE: "K3s" is not a role of the kit/,
  ],
  'a worker by its own name': [
    withCell('\tk3s\tmaster', '\tk3s-worker\t'),
    /column ROLE: "k3s-worker" is not a role/,
  ],
  'an agent by its own name': [withCell('\tk3s\tmaster', '\tagent\t'), /column ROLE: "agent" is not a role/],
  'a private IPv6 address': [
    withCell('192.0.2.1\t', '2001:db8::1\t'),
    /"2001:db8::1" is an IPv6 address: IPv6 is not supported/,
  ],
  'a public IPv6 address': [
    withCell('198.51.100.1', '2001:db8::1'),
    /column IP_PUBLIQUE: "2001:db8::1" is an IPv6 address/,
  ],
  'a public address that is none': [
    withCell('198.51.100.1', 'aucune'),
    /column IP_PUBLIQUE: "aucune" is not an IPv4 address/,
  ],
  'a user with a semicolon': [withCell('\troot\t', '\troot;id\t'), /column USER_SSH: "root;id"/],
  'a user with a blank': [withCell('\troot\t', '\troot admin\t'), /column USER_SSH: "root admin"/],
  'neither master nor worker': [withCell('\tmaster\t', '\tmasters\t'), /"masters": a row with ROLE k3s/],
  'one name twice': [
    file(header, good, other.replace('k8s-master-02', 'k8s-master-01')),
    /line 3, column HOSTNAME: k8s-master-01 is in line 2 too/,
  ],
  'one address twice': [
    file(header, good, other.replace('192.0.2.2', '192.0.2.1')),
    /line 3, column IP_PRIVEE: 192\.0\.2\.1 is in line 2/,
  ],
  'a non-breaking space': [
    withCell('\tk8s-master-01\t', '\tk8s-master-01\u00A0\t'),
    /column HOSTNAME: has an invisible/,
  ],
  'a zero-width space': [withCell('192.0.2.1\t', '192.0.2.1\u200B\t'), /column IP_PRIVEE: has an invisible/],
  'a blank at the end': [
    withCell('\tmaster\t', '\tmaster \t'),
    /column SUBROLE: begins or ends with a blank/,
  ],
  'quotes of a spreadsheet': [
    withCell('\tk8s-master-01\t', '\t"k8s-master-01"\t'),
    /a spreadsheet has added/,
  ],
  'another encoding': [withCell('Maître', 'Ma\uFFFDtre'), /is not UTF-8/],
  'marks of a conflict': [file(header, '<<<<<<< HEAD', good), /line 2: git has left/],
}

for (const [name, [text, problem]] of Object.entries(bad)) {
  test(`servers.tsv: ${name}`, () => {
    assert.match(problemsOf(text).join('\n'), problem)
  })
}

test('all problems are told at once, by line, and no more than twenty', () => {
  const rows = Array.from({ length: 30 }, (_, at) => good.replace('192.0.2.1\t', `nonsense-${at}\t`))
  const problems = problemsOf(file(header, ...rows))
  assert.equal(problems.length, 21)
  assert.match(problems[0] ?? '', /^line 2, /)
  assert.match(problems.at(-1) ?? '', /^and \d+ more$/)
})

test('the example is right, and so is the form with 14 columns, a byte order mark and Windows line ends', () => {
  const { masters, workers } = clusterServers(parseServers('servers.example.tsv', example), 'prod')
  assert.equal(masters.length, 3)
  assert.ok(workers.length > 0)
  const wide = file(`${header}\tROLE_V3\tLOGICAL_NAME_V3`, `${good}\tk8s\tm1`, '', '# a note', `${other}\t\t`)
  const servers = parseServers('servers.tsv', `\uFEFF${wide.replaceAll('\n', '\r\n')}`)
  assert.deepEqual(
    servers.map(({ line, hostname }) => [line, hostname]),
    [
      [2, 'k8s-master-01'],
      [5, 'k8s-master-02'],
    ],
  )
})

test('an empty cell is an empty cell: no later column shifts', () => {
  const [server] = parseServers('servers.tsv', withCell('198.51.100.1\t', '\t'))
  assert.equal(server?.publicAddress, undefined)
  assert.equal(server?.hostname, 'k8s-master-01')
})

test('machines of another environment are no machines of this one; two masters are one too many or too few', () => {
  const servers = parseServers('servers.tsv', file(header, good, other))
  for (const [env, text] of [
    ['staging', /no master of staging/],
    ['prod', /2 masters of prod/],
  ] as const) {
    assert.throws(
      () => clusterServers(servers, env),
      (thrown) => thrown instanceof KitError && text.test(thrown.message),
    )
  }
})

test('rows of an environment that are no machines of its cluster are counted by their ROLE', () => {
  const role = (name: string, at: number, value: string) =>
    good
      .replaceAll('master-01', name)
      .replace('192.0.2.1\t', `192.0.2.${at}\t`)
      .replace('\tk3s\tmaster', `\t${value}\t`)
  const rows = [role('db-01', 11, 'postgres'), role('db-02', 12, 'postgres'), role('cache-01', 13, 'redis')]
  const servers = parseServers('servers.tsv', file(header, good, ...rows))
  assert.equal(leftOut(servers, 'prod'), '3 of its rows are other machines: 2 postgres, 1 redis')
  assert.equal(leftOut(servers, 'dev'), undefined)
  assert.equal(leftOut(parseServers('servers.tsv', file(header, good)), 'prod'), undefined)
})

test('users of directories have dots, capital letters and a domain', () => {
  for (const user of ['jean.dupont', 'Admin', 'jean.dupont@example.com', 'deploy_2-x'])
    assert.equal(parseServers('servers.tsv', withCell('\troot\t', `\t${user}\t`))[0]?.user, user)
})
