# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# The six machines: names, addresses, and what servers.tsv says about them.

readonly backend=practice-backend-01
readonly server=practice-master-01
readonly spare_servers=(practice-master-02 practice-master-03)
readonly workers=(practice-worker-01 practice-worker-02)
readonly nodes=("$server" "${workers[@]}")
readonly machines=("$backend" "$server" "${spare_servers[@]}" "${workers[@]}")

declare -rA address=(
  [practice-backend-01]=10.77.0.10
  [practice-master-01]=10.77.0.11
  [practice-master-02]=10.77.0.12
  [practice-master-03]=10.77.0.13
  [practice-worker-01]=10.77.0.21
  [practice-worker-02]=10.77.0.22
)

# The columns POOL ROLE SUBROLE DOCKER_STACK CORE NOTES, by the kind of machine in its name.
declare -rA columns=(
  [backend]='db-pool|db|postgres|postgresql|yes|PostgreSQL et Redis'
  [master]='k3s-masters|k3s|master|k3s-control-plane|yes|Serveur K3s'
  [worker]='k3s-workers|k3s|worker|k3s-worker-general|yes|Agent K3s'
)

is_machine() { [[ -n $1 && -n ${address[$1]:-} ]]; }

# servers_tsv: the platform's inventory. No cell is empty, and a machine's only address stands in both columns.
servers_tsv() {
  local name kind pool role subrole stack core notes
  printf '%s\t' ENV IP_PUBLIQUE HOSTNAME IP_PRIVEE FQDN USER_SSH POOL ROLE SUBROLE DOCKER_STACK CORE
  printf 'NOTES\n'
  for name in "${machines[@]}"; do
    kind=${name#practice-}
    IFS='|' read -r pool role subrole stack core notes <<<"${columns[${kind%-*}]}"
    printf '%s\t' practice "${address[$name]}" "$name" "${address[$name]}" "$name.practice.example.com" root \
      "$pool" "$role" "$subrole" "$stack" "$core"
    printf '%s\n' "$notes"
  done
}

hosts_file() {
  local name
  printf '127.0.0.1\tlocalhost\n'
  for name in "${machines[@]}"; do printf '%s\t%s.practice.example.com %s\n' "${address[$name]}" "$name" "$name"; done
}
