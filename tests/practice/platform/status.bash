# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# What is up, for people and for scripts: data on standard output, the exit code is the answer.

status() {
  local name all=0
  for name in "${machines[@]}"; do
    if is_healthy "$name"; then
      printf '%-20s %-11s up\n' "$name" "${address[$name]}"
    else
      printf '%-20s %-11s down\n' "$name" "${address[$name]}"
      all=1
    fi
  done
  node_status || all=1
  return "$all"
}

node_status() {
  [[ -s $env_folder/kubeconfig ]] || { say 'no cluster yet' && return 1; }
  known_k3s
  kube --request-timeout=5s get nodes && nodes_ready
}

# known_k3s: the program of the last up, without looking whether today's sources are another.
known_k3s() {
  read -r _ k3s 2>/dev/null <"$state/k3s" || fail 'there is no practice platform' 'tests/practice/practice up' 6
}
