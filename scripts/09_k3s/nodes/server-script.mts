import { paths } from '../host/paths.mts'
import { kubectlWords } from './kubectl.mts'
import { curlHere, membersPart } from './member-list.mts'
import { unitWords } from './unit-state.mts'

/**
 * Everything one server says of itself, in one round trip: a line `key=value` each. Each start of the K3s binary takes
 * 0.15 s of a processor, so /readyz is asked by curl, and the Nodes only where that is `ok`.
 */
export const serverScript = `${unitWords('k3s')}
r=$(${curlHere} -sm5 --cacert ${paths.server}/tls/server-ca.crt --cert ${paths.server}/tls/client-admin.crt --key ${paths.server}/tls/client-admin.key https://127.0.0.1:6443/readyz)
echo "readyz=$r"
if [ "$r" = ok ]; then
  echo "program=$(${paths.binary} --version 2>/dev/null | sed -n 's/^k3s version \\([^ ]*\\).*/\\1/p')"
  ${kubectlWords('--request-timeout=5s', 'get', 'nodes').join(' ')} -o 'jsonpath={range .items[*]}{.metadata.name}:{.status.conditions[?(@.type=="Ready")].status}:{.status.nodeInfo.kubeletVersion}:{.status.conditions[?(@.type=="EtcdIsVoter")].status}{"\\n"}{end}' 2>/dev/null |
    awk -F: -v n="$1" '$1 == n { print "node=" $2, $3 } { v = v $1 ":" $4 " " } END { print "voters=" v }'
else
  ${curlHere} -sm2 http://127.0.0.1:2381/health
  echo
fi
${membersPart}`
