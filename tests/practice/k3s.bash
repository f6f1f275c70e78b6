# shellcheck shell=bash disable=SC2154  # helper.bash, which is loaded before, names the places
# What the files that break machines of module 9's cluster share: which server is asked, and what is asked meanwhile.

# spread_of: node names of the ready CoreDNS pods; the hints of kube-dns; nodes of metrics-server.
spread_of() {
  kubectl get pods --namespace kube-system --selector k8s-app=kube-dns --field-selector status.phase=Running -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l
  kubectl get endpointslices --namespace kube-system --selector kubernetes.io/service-name=kube-dns -o 'jsonpath={range .items[*].endpoints[*]}{.hints.forNodes[*].name}{"\n"}{end}' | grep -c .
  kubectl get pods --namespace kube-system --selector k8s-app=metrics-server --field-selector status.phase=Running -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l
}

# until_spread: five CoreDNS on five nodes, each for its own, metrics-server on two.
until_spread() {
  for _ in {1..90}; do
    if [[ $(spread_of 2>/dev/null | xargs) == '5 5 2' ]]; then return; fi
    sleep 2
  done
  spread_of
  return 1
}

# through MASTER WORDS...: kubectl by that server: the one of the kubeconfig may be the one without power.
through() {
  local context=kb-practice
  [[ $1 == master-01 ]] || context+=-${address[$1]}
  "$practice" kubectl --context "$context" "${@:2}"
}
declare -gA address=([master-01]=10.77.0.11 [master-02]=10.77.0.12 [master-03]=10.77.0.13 [worker-01]=10.77.0.21 [worker-02]=10.77.0.22)

# Processes in the background: end_watches belongs into the teardown of every file that starts one.
watches=()
end_watches() {
  local pid
  for pid in "${watches[@]}"; do kill "$pid" 2>/dev/null || true; done
  watches=()
}

# watch_every_second NAME COMMAND...: `SECOND ok` or `SECOND lost` into $BATS_TEST_TMPDIR/NAME, until end_watches. The
# command bounds itself: it may be a function, which timeout cannot start.
watch_every_second() {
  local name=$1
  shift
  while :; do
    if "$@" >/dev/null 2>&1; then echo "$SECONDS ok"; else echo "$SECONDS lost"; fi
    sleep 1
  done >"$BATS_TEST_TMPDIR/$name" &
  watches+=($!)
}

# ask_names MASTER POD TIMES: `SECOND ok` or `SECOND lost` once a second, asked in the pod itself by one connection: what
# is measured is the DNS, not the API.
ask_names() {
  through "$1" exec --namespace keybuzz-probe "$2" -- sh -c "n=0; while [ \$n -lt $3 ]; do n=\$((n + 1)); if timeout 3 nslookup kubernetes.default.svc.cluster.local >/dev/null 2>&1; then echo \"\$(date +%s) ok\"; else echo \"\$(date +%s) lost\"; fi; sleep 1; done"
}

# until_runs MASTER POD: its container runs: a node is Ready again some seconds before its pods are.
until_runs() {
  for _ in {1..60}; do
    ! through "$1" exec --namespace keybuzz-probe "$2" -- true >/dev/null 2>&1 || return 0
    sleep 1
  done
  fail "$2 does not run"
}

# probe_on MACHINE: the pod of the probe there.
probe_on() {
  kubectl get pods --namespace keybuzz-probe --selector app.kubernetes.io/component=node --field-selector "spec.nodeName=practice-$1" -o 'jsonpath={.items[0].metadata.name}'
}

# lost_seconds NAME: how long it was lost altogether: from the first answer that failed to the first that did not, or the last.
lost_seconds() {
  awk '$NF == "lost" && from == "" { from = $1 } $NF == "ok" && from != "" { sum += $1 - from; from = "" } END { print sum + (from == "" ? 0 : $1 - from) }' "$BATS_TEST_TMPDIR/$1"
}
