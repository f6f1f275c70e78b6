# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# credentials/practice: what the kit reads about the platform. Files that are right already are not touched.

ensure_credentials() {
  install -d -m 0700 "$env_folder"
  servers_tsv | write_file "$env_folder/servers.tsv" 0600
  write_file "$env_folder/id_ed25519" 0600 <"$state/secrets/id_ed25519"
  known_hosts | write_file "$env_folder/known_hosts" 0600
  platform_env | write_file "$env_folder/platform.env" 0600
  s3_settings | write_file "$env_folder/s3.settings" 0600
  k3s_env | write_file "$env_folder/09_k3s.env" 0600
  versions_json | write_file "$env_folder/versions.json" 0600
  # The operator's own file: what a test has made of it stays.
  [[ -f $env_folder/15_llm.models.yml ]] || llm_models | write_file "$env_folder/15_llm.models.yml" 0600
}

known_hosts() {
  local name key
  for name in "${machines[@]}"; do
    read -r _ key _ <"$machine_folders/$name/upper/etc/ssh/ssh_host_ed25519_key.pub"
    printf '%s,%s ssh-ed25519 %s\n' "$name" "${address[$name]}" "$key"
  done
}

platform_settings() {
  printf "%s='%s'\n" DOMAIN practice.example.com OPERATOR_EMAIL ops@example.com TIMEZONE Europe/Paris \
    INGRESS_ADDRESSES "$(worker_addresses)" TLS_MODE load-balancer PROXY_HOPS 1 \
    POSTGRES_HOST "${address[$backend]}" POSTGRES_PORT 5432 POSTGRES_SUPERUSER "$superuser" \
    POSTGRES_PASSWORD "$(secret postgres)" \
    REDIS_HOST "${address[$backend]}" REDIS_PORT 6379 REDIS_PASSWORD "$(secret redis)" \
    RABBITMQ_HOST "${address[$backend]}" RABBITMQ_PORT 5672 RABBITMQ_USER keybuzz RABBITMQ_PASSWORD "$(secret rabbitmq)"
}

worker_addresses() {
  local name list=()
  for name in "${workers[@]}"; do list+=("${address[$name]}:80"); done
  (IFS=, && printf '%s' "${list[*]}")
}

platform_env() { with_others platform.env "$(platform_settings)"; }

# k3s_env: what module 9 would ask here. The practice build has no VXLAN. This computer plays the load balancer. With
# control groups of version 2 there is nothing to waive; the waiver is harmless.
k3s_env() {
  local overlay=host-gw
  if is_k3s_itself; then overlay=vxlan; fi
  with_others 09_k3s.env "$(printf "%s='%s'\n" FLANNEL_BACKEND "$overlay" TRUSTED_PROXIES "$gateway/32" INGRESS_NODE_PORT 31695 \
    WAIVED 'host.cgroup: the practice machines share the kernel of this computer')"
}

# llm_models: what module 15 cannot do without. Its one model is answered by the pod of the module's own checks.
llm_models() {
  printf '%s\n' 'models:' '  - alias: practice' '    model: openai/practice' '    base: http://llm-checks:8080/v1'
}

# with_others FILE OURS: ours, then whatever other keys the file holds: the kit adds some.
with_others() {
  local line
  printf '%s\n' "$2"
  [[ -f $env_folder/$1 ]] || return 0
  while IFS= read -r line; do
    [[ -z $line ]] || grep -q "^${line%%=*}=" <<<"$2" || printf '%s\n' "$line"
  done <"$env_folder/$1"
}

# versions_json: laid over the kit's own, because there is no registry and no release to fetch from here.
versions_json() {
  local image=n8n-twin twin=', "standIn": "A contract server with the settings, ports and routes of n8n: it runs no workflows"'
  local runners=n8n-twin name traefik busybox probe='' local_path='' version
  traefik=$(tarballs_of traefik)
  # K3s itself brings both: the probe's busybox is among its images, as in production.
  if ! is_k3s_itself; then
    busybox=$(tarballs_of busybox)
    probe="  \"probe\": {\"version\": \"1.35.0\", \"image\": \"$(images_in "$busybox")\", \"file\": \"$busybox\", \"sha256\": \"$(sum_of "$busybox")\"},"
  fi
  # Only module 9 lays it, on machines that were bare.
  if [[ $(cat "$state/kind") == bare ]] && ! is_k3s_itself; then
    name=$(tarballs_of local-path)
    local_path="  \"local-path\": {\"version\": \"0.0.30\", \"file\": \"$name\", \"sha256\": \"$(sum_of "$name")\"},"
  fi
  version=$("$k3s" --version | grep -oE 'v[0-9.]+\+[^ ]+' | head -n 1)
  for name in "${chosen_images[@]}"; do
    [[ $name != n8n ]] || { image=n8n runners=runners twin=''; }
  done
  cat <<JSON
{
  "n8n": {"version": "2.41.1", "image": "keybuzz-practice/$image:2.41.1"$twin},
  "n8n-runners": {"version": "2.41.1", "image": "keybuzz-practice/$runners:2.41.1"$twin},
$(contract_versions)
$(monitoring_versions)
$(vault_versions)
  "traefik": {"version": "3.7.15", "image": "$(images_in "$traefik")", "file": "$traefik", "sha256": "$(sum_of "$traefik")"},
$probe
$local_path
  "k3s-images": {"version": "$version", "file": "$k3s_images", "sha256": "$(sum_of "$k3s_images")"},
  "k3s": {"version": "$version", "file": "$k3s", "sha256": "$k3s_sha256"}
}
JSON
}

# monitoring_versions: the programs of the chart, where they were chosen, and the chart out of PRACTICE_PARTS. Module 9 lays
# the one tarball on every host, masters too: each runs a node-exporter.
monitoring_versions() {
  local chart tarball image name version file
  [[ " ${chosen_images[*]} " == *' monitoring '* ]] || return 0
  chart=$(require_part 'the chart of the monitoring' kube-prometheus-stack-88.5.3.tgz 'github.com/prometheus-community/helm-charts')
  tarball=$(tarballs_of monitoring)
  file=", \"file\": \"$tarball\", \"sha256\": \"$(sum_of "$tarball")\""
  printf '  "kube-prometheus-stack": {"version": "88.5.3", "image": "ghcr.io/prometheus-community/charts/kube-prometheus-stack:88.5.3", "chart": "%s", "sha256": "%s"},\n' \
    "$chart" "$(sum_of "$chart")"
  for image in $(images_in "$tarball"); do
    name=${image##*/} version=${image##*:v}
    printf '  "%s": {"version": "%s", "image": "%s", "made": "built from source"%s},\n' "${name%%:*}" "$version" "$image" "$file"
    file=''
  done
}

# vault_versions: the injector and its agent, where they were chosen.
vault_versions() {
  [[ " ${chosen_images[*]} " == *' vault '* ]] || return 0
  local what='"made": "built from source"'
  has_part vault-k8s || what='"standIn": "It injects what this kit asks for, as the real one was seen to, and is not vault-k8s"'
  printf '  "vault-k8s": {"version": "1.7.6", "image": "keybuzz-practice/vault-k8s:1.7.6", %s},\n' "$what"
  printf '  "vault-agent": {"version": "2.7.2", "image": "keybuzz-practice/vault-agent:2.7.2", "standIn": "%s"},\n' \
    'OpenBao, the real one, in an image packed here: it is not HashiCorp Vault'
}

# contract_versions: the first version of every application that a contract server stands in for.
contract_versions() {
  local application version more edge what
  edge=$(sed -n 's/^qdrant-edge-py==\([^ ]*\).*/\1/p' "$here/images/contract/qdrant.txt")
  while read -r application version more; do
    what='A contract server: it logs in and answers as the application would, and is not it'
    [[ $application != qdrant ]] ||
      what="A stand-in over the real engine (qdrant-edge $edge): a small HTTP server in place of the one of Qdrant"
    printf '  "%s": {"version": "%s", "image": "keybuzz-practice/%s:%s", "standIn": "%s"},\n' "$application" "$version" \
      "$application" "$version" "$what"
  done <"$here/images/contract/applications"
}

# sum_of FILE: sha256. Cached builds are named by content, so the sum of one never changes.
sum_of() {
  local kept=$state/sums/${1##*/}
  [[ -s $kept ]] || { mkdir -p "$state/sums" && sha256sum "$1" | cut -d' ' -f1 >"$kept"; }
  cat "$kept"
}
