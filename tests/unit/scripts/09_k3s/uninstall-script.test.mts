import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { uninstallScript } from '../../../../scripts/09_k3s/nodes/uninstall-script.mts'

// The part of the script that cleans packet filters, by a real sh in a folder that stands in for the host's root. Its
// iptables and ipset are stand-ins that K3s brought: the host has none, as Debian's minimal image has none.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-uninstall-'))
after(() => rmSync(folder, { recursive: true }))
const aux = join(folder, 'var/lib/rancher/k3s/data/abc/bin/aux')
mkdirSync(aux, { recursive: true })
mkdirSync(join(folder, 'tools'))
for (const name of ['sed', 'grep', 'cat']) symlinkSync(`/bin/${name}`, join(folder, 'tools', name))
const standIn = (name: string, body: string) =>
  writeFileSync(join(aux, name), `#!/bin/sh\n# Stand-in of ${name}.\n${body}\n`, { mode: 0o755 })

// As K3s v1.36.3 with flannel's VXLAN leaves them, with a rule of the operator's.
const rules = `*filter
:INPUT DROP [0:0]
:FLANNEL-FWD - [0:0]
:KUBE-ROUTER-INPUT - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.42.0.0/16 -j ACCEPT
COMMIT
`

test('chains, rules and sets of K3s go, whoever brought the programs; a rule of the operator stays', () => {
  writeFileSync(join(folder, 'rules'), rules)
  standIn('iptables-save', `cat ${folder}/rules`)
  standIn('iptables-restore', `cat >${folder}/restored`)
  standIn('ip6tables-save', '')
  standIn(
    'ipset',
    `case $1 in list) echo KUBE-SRC-ABC; echo fail2ban ;; *) echo "$@" >>${folder}/sets ;; esac`,
  )
  const whole = uninstallScript('10.42.0.0/16')
  const [begin, end] = [whole.indexOf('for tools in'), whole.indexOf('if command -v nft')]
  assert.ok(begin > 0 && end > begin)
  const input = `set -eu\n${whole.slice(begin, end).replaceAll(' /var/lib/', ` ${folder}/var/lib/`)}`
  execFileSync('/bin/sh', ['-s'], { input, env: { PATH: `${folder}/tools` } })
  assert.equal(
    readFileSync(join(folder, 'restored'), 'utf8'),
    '*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n',
  )
  assert.equal(readFileSync(join(folder, 'sets'), 'utf8'), 'destroy KUBE-SRC-ABC\n')
})
