# shellcheck shell=bash
# credentials/practice: what the kit reads about the platform. Files that are right already are not touched.

ensure_credentials() {
  install -d -m 0700 "$env_folder"
  servers_tsv | write_file "$env_folder/servers.tsv" 0600
  write_file "$env_folder/id_ed25519" 0600 <"$state/secrets/id_ed25519"
  known_hosts | write_file "$env_folder/known_hosts" 0600
  platform_env | write_file "$env_folder/platform.env" 0600
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
