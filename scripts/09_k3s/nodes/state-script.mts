import { imagesPart } from '../host/held-images.mts'
import { addressesPart, joinedPart } from '../host/joined.mts'
import { databases, paths, signature } from '../host/paths.mts'
import { registriesPart } from './registries.mts'
import { serverScript } from './server-script.mts'
import { unitWords } from './unit-state.mts'

const script = `dir=${paths.server}
${addressesPart}
${joinedPart}${unitWords('k3s', 'k3s-agent')}
ls -d "$dir/db/etcd/member/wal" "$dir/db/etcd/tombstone" ${paths.balancer} 2>/dev/null
[ -s "$dir/tls/server-ca.crt" ] && echo "ca=$(sha256sum <"$dir/tls/server-ca.crt" | cut -d' ' -f1)"
for name in token agent-token; do
  [ -s "$dir/$name" ] && echo "$name=$(sed 's/.*://' "$dir/$name" | tr -d '\\n' | sha256sum)"
done
grep -os '^K10.*:' "$dir/token"
sed -n 's|^server: *"*https://\\([^:"]*\\).*|joins=\\1|p' ${paths.config} 2>/dev/null
[ -s ${paths.started} ] && echo "started=$(cat ${paths.started})"
[ -e ${paths.leaving} ] && echo leaving=yes
${registriesPart}if ! grep -qs '${signature}' ${paths.config} && [ ! -e ${paths.leaving} ]; then
  for path in ${paths.config} /etc/systemd/system/k3s.service /etc/systemd/system/k3s-agent.service ${databases.join(' ')}; do
    ls -A "$path" 2>/dev/null | grep -qvx lost+found && echo "foreign=K3s ($path)"
  done
fi
for path in /etc/kubernetes/kubelet.conf /etc/kubernetes/manifests/kube-apiserver.yaml /etc/rancher/rke2 /var/snap/microk8s /etc/k0s; do
  [ -e "$path" ] && echo "foreign=another Kubernetes ($path)"
done
`

/** The line before the answer of serverScript. */
export const healthMark = 'health:'

/**
 * POSIX shell: the state of K3s on a host; $1 is the name of its Node.
 * @param withImages asks also which images of its tarballs it has
 * @param withHealth asks a server that runs also whether it is healthy, in the same round trip
 */
export const stateScript = (withImages: boolean, withHealth: boolean): string =>
  [
    script,
    ...(withImages ? [imagesPart] : []),
    ...(withHealth
      ? [`if systemctl is-active --quiet k3s; then echo ${healthMark}; ${serverScript}\nfi\n`]
      : []),
    'exit 0',
  ].join('')
