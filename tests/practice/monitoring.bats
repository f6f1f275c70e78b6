#!/usr/bin/env bats
# The monitoring of module 9: the real chart, rendered by the real helm, with Prometheus, its operator, Alertmanager,
# node-exporter and kube-state-metrics themselves; Grafana is a stand-in. Where PRACTICE_PARTS has the chart and
# kube-state-metrics; else its tests are skipped. On the cluster module 9 makes of bare machines.
# bats file_tags=long

setup_file() {
  load helper
  parts_are_at_hand || return 0
  KEYBUZZ_HELM=$(bash -c 'source tests/tools.bash && helm_4')
  export KEYBUZZ_HELM
  ensure_k3s_cluster --images n8n-twin,contract,monitoring
  "$practice" images
}

teardown_file() {
  load helper
  parts_are_at_hand || return 0
  rm -f "$receivers"
  kit --module 9 --yes --set MONITORING=false
  kubectl delete namespace monitoring --ignore-not-found --timeout=180s
  kubectl delete service monitoring-kubelet --namespace kube-system --ignore-not-found
  kubectl get customresourcedefinitions -o name | grep 'monitoring\.coreos\.com$' | xargs -r "$practice" kubectl delete
  sed -i '/^\(MONITORING\|GRAFANA\)/d' "$credentials/09_k3s.env"
  "$practice" up --bare --images n8n-twin,contract
}

setup() {
  load helper
  parts_are_at_hand || skip 'the chart is missing: PRACTICE_PARTS=FOLDER with kube-prometheus-stack-88.5.3.tgz and kube-state-metrics, from github.com/prometheus-community/helm-charts'
}

teardown() {
  parts_are_at_hand || return 0
  explain_failure monitoring
}

parts_are_at_hand() {
  [[ -f ${PRACTICE_PARTS:-}/kube-prometheus-stack-88.5.3.tgz ]] &&
    [[ -f $PRACTICE_PARTS/kube-state-metrics || -f $PRACTICE_PARTS/kube-state-metrics.xz ]]
}

report=validation/practice/MODULE09_VALIDATION.md
receivers=credentials/practice/09_k3s.receivers.yml
public=grafana.practice.example.com

# services SERVICE PATH: what it answers by way of the API server.
services() { kubectl get --raw "/api/v1/namespaces/monitoring/services/$1/proxy$2"; }

# write_receivers ADDRESS: a webhook there, and mail with a password.
write_receivers() {
  (
    umask 077
    printf '%s\n' 'mail:' "  to: [$1]" '  from: monitoring@example.com' '  server: smtp.practice.example.com:587' \
      '  user: monitoring' '  password: a-mail-password-of-the-tests' \
      'webhook:' '  url: http://10.77.0.10:9/a-webhook-token-of-the-tests' >"$receivers"
  )
}

@test "without a helm, and with a chart that was altered, nothing is changed: exit 3 and exit 7" {
  KEYBUZZ_HELM=/nowhere run -3 kit --module 9 --yes --set MONITORING=true
  assert_output --partial 'cannot be run: KEYBUZZ_HELM names it'
  cp -p "$credentials/versions.json" "$BATS_TEST_TMPDIR/versions.json"
  sed -i -E '/"kube-prometheus-stack"/s/"sha256": "[0-9a-f]{8}/"sha256": "00000000/' "$credentials/versions.json"
  run kit --module 9 --yes --set MONITORING=true
  cp -p "$BATS_TEST_TMPDIR/versions.json" "$credentials/versions.json"
  assert_equal "$status" 7
  run -1 kubectl get namespace monitoring
}

@test "a plan names the definitions and the objects of their kinds, and writes nothing" {
  run -4 kit --module 9 --set MONITORING=true --plan
  assert_output --partial '+ CustomResourceDefinition prometheuses.monitoring.coreos.com'
  assert_output --partial '+ Prometheus monitoring/monitoring-prometheus'
  assert_output --partial '+ PrometheusRule monitoring/keybuzz'
  run -1 kubectl get namespace monitoring
}

@test "it is installed and validated: every target up, every rule loaded, and the report says what stands in" {
  local started=$SECONDS
  write_receivers ops@example.com
  run -0 kit --module 9 --yes --set MONITORING=true --set "GRAFANA_HOST=$public"
  echo "# module 9 with the monitoring: $((SECONDS - started)) s" >&3
  run cat "$report"
  for check in '' -configuration -targets -rules -watchdog -storage -grafana; do
    assert_output --regexp "✓ \| .*\(k3s\.monitoring$check\)"
  done
  assert_output --partial 'not the real program** (grafana)'
  refute_output --partial 'monitoring is off'
  run -0 services monitoring-prometheus:http-web '/api/v1/query?query=count(k3s_certificate_expiration_seconds)'
  echo "# certificates of K3s with a metric: $output" >&3
  # It is written at the end of the run, and kube-state-metrics is asked every 30 s.
  for _ in {1..30}; do
    run -0 services monitoring-prometheus:http-web '/api/v1/query?query=kube_lease_renew_time'
    [[ $output != *validated-09-k3s-practice* ]] || break
    sleep 2
  done
  assert_output --partial 'validated-09-k3s-practice'
}

@test "a second run sends nothing" {
  local started=$SECONDS
  run -0 kit --module 9 --yes
  assert_output --partial 'nothing to do'
  echo "# second run: $((SECONDS - started)) s" >&3
}

@test "no password is in a revision, in a configuration or in the operator's copy of it" {
  local word all
  all=$(kubectl get secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=09_k3s -o json |
    node -e 'for (const { data } of JSON.parse(fs.readFileSync(0)).items)
      if (data.manifests) process.stdout.write(zlib.gunzipSync(Buffer.from(data.manifests, "base64")))')
  all+=$(kubectl get secret alertmanager-config --namespace monitoring -o 'jsonpath={.data.alertmanager\.yaml}' | base64 -d)
  all+=$(kubectl get secret alertmanager-monitoring-alertmanager-generated --namespace monitoring \
    -o 'jsonpath={.data.alertmanager\.yaml\.gz}' | base64 -d | gunzip)
  assert [ "${#all}" -gt 10000 ]
  for word in a-mail-password-of-the-tests a-webhook-token-of-the-tests "$(setting GRAFANA_PASSWORD)"; do
    assert [ -n "$word" ]
    refute grep -qF "$word" <<<"$all"
  done
}

@test "other receivers are those of the running Alertmanager when the run ends, with no restart" {
  local before
  before=$(kubectl get pods --namespace monitoring -o 'jsonpath={.items[*].metadata.uid}')
  write_receivers night@example.com
  run -0 kit --module 9 --yes
  run -0 services monitoring-alertmanager:http-web /api/v2/status
  assert_output --partial night@example.com
  refute_output --partial ops@example.com
  run -0 kubectl get pods --namespace monitoring -o 'jsonpath={.items[*].metadata.uid}'
  assert_output "$before"
}

@test "a rule of somebody else that the operator drops is a warning: the API takes it, no condition tells it" {
  kubectl apply -f - <<'YAML'
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: broken, namespace: default}
spec: {groups: [{name: broken, rules: [{alert: Broken, expr: 'sum(('}]}]}
YAML
  run -0 kit --module 9 --verify
  run cat "$report"
  assert_output --regexp '! \| .*\(k3s\.monitoring-rules\).*not loaded: default-broken-'
  kubectl delete prometheusrule broken --namespace default
  run -0 kit --module 9 --verify
}

@test "a target that is down is named, and its node" {
  kubectl patch daemonset node-exporter --namespace monitoring --type=json \
    -p '[{"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"nobody": "here"}}]'
  run -10 kit --module 9 --verify
  run cat "$report"
  assert_output --regexp '✗ \| .*\(k3s\.monitoring-targets\).*node-exporter/0: 0 of'
  run -0 kit --module 9 --yes --force-conflicts
}

@test "killed at any write, the next run ends what it began" {
  write_receivers "killed-$RANDOM@example.com"
  killed_once 4 ./00_master_install.mjs --env practice --module 9 --yes --set MONITORING_DAYS=20
  run -0 kit --module 9 --yes --wait
  run -0 services monitoring-prometheus:http-web /api/v1/status/runtimeinfo
  assert_output --partial '20d or 8GiB'
}

@test "taken out, its pods go and its history stays; back again, it goes on with it" {
  local claim=prometheus-monitoring-prometheus-db-prometheus-monitoring-prometheus-0 uid oldest
  uid=$(kubectl get pvc "$claim" --namespace monitoring -o 'jsonpath={.metadata.uid}')
  oldest=$(services monitoring-prometheus:http-web /api/v1/status/tsdb | grep -oE '"minTime":[0-9]+')
  run -0 kit --module 9 --yes --set MONITORING=false
  assert_output --partial 'monitoring-kubelet'
  for _ in {1..60}; do
    [[ -n $(kubectl get pods --namespace monitoring -o name) ]] || break
    sleep 2
  done
  run -0 kubectl get pods,deployments,statefulsets,daemonsets,prometheuses,servicemonitors,configmaps --namespace monitoring \
    -o name
  refute_output --regexp 'grafana|prometheus|exporter|metrics'
  run -0 kubectl get clusterroles,clusterrolebindings -o name
  refute_output --regexp 'monitoring-(operator|prometheus)|kube-state-metrics'
  run cat "$report"
  assert_output --partial 'monitoring is off (MONITORING=false)'
  run -0 kit --module 9 --yes --set MONITORING=true
  assert_equal "$(kubectl get pvc "$claim" --namespace monitoring -o 'jsonpath={.metadata.uid}')" "$uid"
  assert_equal "$(services monitoring-prometheus:http-web /api/v1/status/tsdb | grep -oE '"minTime":[0-9]+')" "$oldest"
}
