# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# Kubernetes on the machines: one server and two agents, run by systemd like the real K3s.

readonly k3s_settings=/etc/rancher/k3s/config.yaml

# find_k3s: the program and its images: K3s itself where it was chosen, else the practice build, built when it is not in
# the cache. Sets k3s, k3s_images, k3s_sha256.
find_k3s() {
  local built known path sum
  if is_k3s_itself; then
    k3s=$given_k3s k3s_images=$given_images
  else
    built=$("$here/k3s/build") || fail 'the practice k3s could not be built' 'look at its lines above; tests/practice/k3s/README.md'
    { read -r k3s && read -r k3s_images; } <<<"$built"
  fi
  # Cached builds are named by content, so the sum of one never changes.
  known=$(cat "$state/k3s" 2>/dev/null || true)
  read -r sum path <<<"$known"
  if [[ $path != "$k3s" ]]; then
    read -r sum _ < <(sha256sum "$k3s")
    printf '%s %s\n' "$sum" "$k3s" | write_file "$state/k3s" 0600
  fi
  k3s_sha256=$sum
}

# K3s itself unpacks its tools before it is kubectl: not below /var/lib of this computer.
kube() { K3S_DATA_DIR=$cache/k3s-data "$k3s" kubectl --kubeconfig "$env_folder/kubeconfig" "$@"; }

unit_of() { if [[ $1 == "$server" ]]; then printf k3s; else printf k3s-agent; fi; }

# put MACHINE PATH MODE: standard input, whole or not at all.
put() {
  # shellcheck disable=SC2016 # expanded inside the machine
  inside "$1" bash -ec 'mkdir -p "${1%/*}"; cat >"$1.new"; chmod "$2" "$1.new"; mv "$1.new" "$1"' bash "$2" "$3"
}

config_of() {
  printf '%s: "%s"\n' token "$(secret token)" node-ip "${address[$1]}" flannel-iface host0
  if [[ $1 == "$server" ]]; then
    printf '%s\n' 'cluster-init: true' "advertise-address: ${address[$1]}" "tls-san: [$1, ${address[$1]}]" \
      'disable: [traefik, servicelb]' 'write-kubeconfig-mode: "0600"' \
      'node-taint: ["node-role.kubernetes.io/control-plane:NoSchedule"]'
  else
    printf 'server: https://%s:6443\n' "${address[$server]}"
  fi
}

unit_text() {
  local verb=server
  [[ $1 == "$server" ]] || verb=agent
  cat <<UNIT
[Unit]
Description=Lightweight Kubernetes ($verb, practice build)
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
TimeoutStopSec=20s
Restart=always
RestartSec=5s
ExecStart=/usr/local/bin/k3s $verb
UNIT
}

# install_k3s NODE: program, settings and unit; a node that has these already is left alone.
install_k3s() {
  local node=$1 unit recipe mark=$machine_folders/$1/k3s
  unit=$(unit_of "$node")
  recipe=$(printf '%s\n' "$k3s_sha256" "$(config_of "$node")" "$(unit_text "$node")" | sha256sum)
  if [[ $(cat "$mark" 2>/dev/null || true) != "$recipe" ]]; then
    put "$node" /usr/local/bin/k3s 0755 <"$k3s"
    config_of "$node" | put "$node" "$k3s_settings" 0600
    unit_text "$node" | put "$node" "/etc/systemd/system/$unit.service" 0644
    inside "$node" systemctl daemon-reload
    inside "$node" systemctl enable --quiet "$unit"
    inside "$node" systemctl restart --no-block "$unit"
    printf '%s\n' "$recipe" | write_file "$mark" 0600
  elif ! inside "$node" systemctl is-active --quiet "$unit"; then
    inside "$node" systemctl restart --no-block "$unit"
  fi
}

ensure_cluster() {
  local node
  for node in "${nodes[@]}"; do
    is_laid "$node" "$k3s_images" || lay_image "$node" "$k3s_images"
    # Without this file K3s imports every tarball at every start; module 9 lays it on its own machines.
    [[ -e $machine_folders/$node/$laid_images/.cache.json ]] || : >"$machine_folders/$node/$laid_images/.cache.json"
  done
  each install_k3s "${nodes[@]}"
  if ! nodes_ready; then timed "Kubernetes on ${nodes[*]#practice-}" await_cluster; fi
}

await_cluster() {
  until_true 120 fetch_kubeconfig ||
    fail "the API server on $server does not start" "tests/practice/practice ssh $server journalctl -u k3s -n 50"
  until_true 180 nodes_ready || {
    kube get nodes >&2 || true
    fail 'not every node is Ready after 180 s' "tests/practice/practice ssh ${workers[0]} journalctl -u k3s-agent -n 50"
  }
}

# fetch_kubeconfig: as the server wrote it, but with the address the admin host knows it by.
fetch_kubeconfig() {
  local text
  text=$(inside "$server" cat /etc/rancher/k3s/k3s.yaml 2>/dev/null) && [[ $text == *client-key-data* ]] || return 1
  printf '%s\n' "${text//https:\/\/127.0.0.1:6443/https:\/\/${address[$server]}:6443}" | write_file "$env_folder/kubeconfig" 0600
  kube get --raw=/readyz >/dev/null 2>&1
}

# nodes_ready: all of them by the cluster's word, and by each kubelet's own: for 50 s the cluster believes in a dead one.
nodes_ready() {
  local states
  [[ -s $env_folder/kubeconfig ]] || return 1
  # shellcheck disable=SC2016 # a JSONPath
  states=$(kube --request-timeout=5s get nodes "${nodes[@]}" \
    -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) || return 1
  [[ $states == 'True True True' ]] || return 1
  each kubelet_answers "${nodes[@]}"
}

kubelet_answers() { kube --request-timeout=5s get --raw="/api/v1/nodes/$1/proxy/healthz" >/dev/null 2>&1; }

# metrics_told: by every node. The first come some 30 s after it is Ready.
metrics_told() {
  local told node
  told=$(kube --request-timeout=5s get --raw=/apis/metrics.k8s.io/v1beta1/nodes 2>/dev/null) || return 1
  for node in "${nodes[@]}"; do [[ $told == *"\"name\":\"$node\""* ]] || return 1; done
}

ensure_metrics() {
  if ! metrics_told; then timed 'metrics of every node (up to half a minute)' await_metrics; fi
}

await_metrics() {
  until_true 120 metrics_told ||
    fail 'a node has no metrics after 120 s' 'tests/practice/practice kubectl -n kube-system logs deployment/metrics-server'
}
