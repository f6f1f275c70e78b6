# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# The machines, six unless more workers are asked for: names, addresses, and what servers.tsv says about them.

readonly backend=practice-backend-01
readonly server=practice-master-01
readonly spare_servers=(practice-master-02 practice-master-03)

# KEYBUZZ_PRACTICE_WORKERS adds workers, up to 9; those that are there stay until down.
worker_count=$(cat "$state/workers" 2>/dev/null || printf 2)
if ((${KEYBUZZ_PRACTICE_WORKERS:-0} > worker_count)); then worker_count=$KEYBUZZ_PRACTICE_WORKERS; fi
readonly worker_count
workers=()
for ((number = 1; number <= worker_count; number++)); do workers+=("practice-worker-0$number"); done
readonly workers
readonly nodes=("$server" "${workers[@]}")
readonly machines=("$backend" "$server" "${spare_servers[@]}" "${workers[@]}")

declare -A address=(
  [practice-backend-01]=10.77.0.10
  [practice-master-01]=10.77.0.11
  [practice-master-02]=10.77.0.12
  [practice-master-03]=10.77.0.13
)
for name in "${workers[@]}"; do address[$name]=10.77.0.2${name#practice-worker-0}; done
unset name number
readonly address

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
