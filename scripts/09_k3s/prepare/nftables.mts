import { createHash } from 'node:crypto'
import { signature } from '../host/paths.mts'
import type { HostDocument } from '../host/document.mts'
import type { Rule } from '../host/openings.mts'
import type { Task } from './task.mts'

// nftables: every base chain of a hook must accept a packet, so a table of the kit would open nothing. Each of the
// operator's chains that filters gets one jump as its first rule, to a chain of the kit in the same table.

/** The script that opens what K3s needs. */
export const firewallScript = '/usr/local/sbin/keybuzz-firewall'
const unitName = 'keybuzz-firewall.service'
/** The unit that runs it at boot, and whenever nftables.service starts or reloads. */
export const firewallUnit = `/etc/systemd/system/${unitName}`

/**
 * awk over `nft list ruleset`: a line `chain FAMILY TABLE NAME HOOK MARK COUNT` for each base chain that may stop
 * packets; one that only counts or accepts stops none. MARK is the `markOf` of the kit's jump in it, or `none`; COUNT
 * the number of rules in the kit's chain. Skips the chains of other programs, which maintain their own rules, and those
 * of iptables, which nft must not change.
 */
export const chainsOf = String.raw`$1 == "table" { family = $2; table = $3 }
$1 == "chain" { chain = $2; hook = ""; stops = 0; mark = "none" }
$1 == "type" { if ($2 == "filter" && ($4 == "input" || $4 == "forward")) hook = $4; if (/policy drop/) stops = 1; next }
chain ~ /^keybuzz_/ && /accept$/ { count[family table chain]++; next }
chain != "" && match($0, /comment "keybuzz [0-9a-f]+"/) { mark = substr($0, RSTART + 17, RLENGTH - 18); next }
chain != "" && /(^|[ \t{:])(drop|reject|jump|goto|queue|vmap)/ { stops = 1 }
$1 == "}" {
  foreign = table ~ /^(kube-|k3s|cni|flannel|firewalld|docker|f2b|crowdsec|netavark|libvirt|incus|lxd)/ || (family == "ip" && table == "filter" && chain ~ /^[A-Z]/)
  if (hook != "" && chain != "" && stops && !foreign && (family == "ip" || family == "inet")) found[++many] = family " " table " " chain " " hook " " mark
  chain = ""
}
END { for (i = 1; i <= many; i++) { split(found[i], part, " "); print "chain", found[i], count[part[1] part[2] "keybuzz_" part[4]] + 0 } }`

const line = ({ source, protocol, ports }: Rule): string =>
  protocol === undefined
    ? `ip saddr ${source} accept`
    : `ip saddr ${source} ${protocol} dport { ${ports.join(', ')} } accept`

/**
 * The rules for incoming and for forwarded packets. Forwarded is every connection of a pod, and connections to pods
 * from hosts of the cluster, load balancers and administrators. A packet to a NodePort already has the address of its
 * pod as destination here, so one from any other source is not accepted.
 */
function linesOf(rules: readonly Rule[]): Readonly<Record<string, readonly string[]>> {
  const ranges = rules.flatMap(({ source, protocol }) => (protocol === undefined ? [source] : []))
  const visitors = new Set(rules.flatMap(({ source, protocol }) => (protocol === undefined ? [] : [source])))
  const forward = ranges.flatMap((range) => [
    `ip saddr ${range} accept`,
    `ip daddr ${range} ct state established,related accept`,
    ...[...visitors].map((source) => `ip saddr ${source} ip daddr ${range} accept`),
  ])
  return { input: rules.map(line), forward }
}

/**
 * A checksum of the rules and of the unit. With another unit a host is set up again too, so that `systemctl reenable`
 * renews the links of its [Install] section.
 */
const markOf = (rules: readonly Rule[]): string =>
  createHash('sha256')
    .update(JSON.stringify([linesOf(rules), unit]))
    .digest('hex')
    .slice(0, 12)

/**
 * The text of firewallScript, POSIX shell: replaces whatever an earlier run added to each chain, in one nft transaction
 * per chain; with the argument `remove` it only removes it. Pure.
 */
export function scriptText(rules: readonly Rule[]): string {
  const lines = linesOf(rules)
  return `#!/bin/sh
${signature}
# Lets through what K3s needs, in each chain of nftables that filters. With "remove": takes that away again.
set -eu
lines_input='${lines['input']?.join('\n')}'
lines_forward='${lines['forward']?.join('\n')}'
nft list ruleset | awk '${chainsOf}' | while read -r _ family table chain hook _; do
  ours="$family $table keybuzz_$hook"
  {
    echo "add chain $ours"
    nft -a list chain "$family" "$table" "$chain" | sed -n "s/.*comment \\"keybuzz [0-9a-f]*\\" # handle \\([0-9]*\\)$/delete rule $family $table $chain handle \\1/p"
    echo "flush chain $ours"
    if [ "\${1:-}" = remove ]; then
      echo "delete chain $ours"
    else
      eval "printf '%s\\n' \\"\\$lines_$hook\\"" | sed "s/^/add rule $ours /"
      echo "insert rule $family $table $chain jump keybuzz_$hook comment \\"keybuzz ${markOf(rules)}\\""
    fi
  } | nft -f -
done
`
}

const unit = `${signature}
[Unit]
Description=What K3s needs of the packet filter, by the KeyBuzz installer
# Each start, restart or reload of nftables.service begins with an empty table.
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${firewallScript}
ExecReload=${firewallScript}

[Install]
WantedBy=multi-user.target nftables.service
`

/** What is missing on a host whose own nftables chains filter packets; empty where there are none. Pure. */
export function nftablesTasks(said: HostDocument, rules: readonly Rule[]): Task[] {
  const chains = said.all('chain')
  if (chains.length === 0) return []
  const lines = linesOf(rules)
  const open = chains.every(
    ([, , , hook = '', mark, count]) => mark === markOf(rules) && Number(count) === lines[hook]?.length,
  )
  const names = chains.map(([family, table, name]) => `${family} ${table} ${name}`).join(', ')
  const files = [
    { path: firewallScript, mode: '0755', content: scriptText(rules) },
    { path: firewallUnit, mode: '0644', content: unit },
  ]
  return [
    { what: 'nftables: openings', files },
    ...(open
      ? []
      : [
          {
            what: `nftables: ${lines['input']?.length} openings in ${names}`,
            words: [
              'sh',
              '-ec',
              `${firewallScript}; systemctl daemon-reload; systemctl reenable --quiet ${unitName}; systemctl start ${unitName}`,
            ],
          },
        ]),
  ]
}
