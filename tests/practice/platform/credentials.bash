# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# credentials/practice: what the kit reads about the platform. Files that are right already are not touched.

ensure_credentials() {
  install -d -m 0700 "$env_folder"
  servers_tsv | write_file "$env_folder/servers.tsv" 0600
  write_file "$env_folder/id_ed25519" 0600 <"$state/secrets/id_ed25519"
  known_hosts | write_file "$env_folder/known_hosts" 0600
  platform_env | write_file "$env_folder/platform.env" 0600
  versions_json | write_file "$env_folder/versions.json" 0600
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
    REDIS_HOST "${address[$backend]}" REDIS_PORT 6379 REDIS_PASSWORD "$(secret redis)"
}

worker_addresses() {
  local name list=()
  for name in "${workers[@]}"; do list+=("${address[$name]}:80"); done
  (IFS=, && printf '%s' "${list[*]}")
}

# platform_env: ours, then whatever other keys the file holds: the kit adds some.
platform_env() {
  local ours line
  ours=$(platform_settings)
  printf '%s\n' "$ours"
  [[ -f $env_folder/platform.env ]] || return 0
  while IFS= read -r line; do
    [[ -z $line ]] || grep -q "^${line%%=*}=" <<<"$ours" || printf '%s\n' "$line"
  done <"$env_folder/platform.env"
}

# versions_json: laid over the kit's own, because there is no registry and no release to fetch from here.
versions_json() {
  local image=n8n-twin twin=', "standIn": "A contract server with the settings, ports and routes of n8n: it runs no workflows"'
  local runners=n8n-twin name
  for name in "${chosen_images[@]}"; do
    [[ $name != n8n ]] || { image=n8n runners=runners twin=''; }
  done
  cat <<JSON
{
  "n8n": {"version": "2.41.1", "image": "keybuzz-practice/$image:2.41.1"$twin},
  "n8n-runners": {"version": "2.41.1", "image": "keybuzz-practice/$runners:2.41.1"$twin},
  "k3s": {"version": "$("$k3s" --version | grep -oE 'v[0-9.]+\+[^ ]+' | head -n 1)", "file": "$k3s", "sha256": "$k3s_sha256"}
}
JSON
}
