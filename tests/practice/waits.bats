#!/usr/bin/env bats
# Every state a Deployment does not come out of by itself, made on the real cluster: each is named with its cause,
# within five seconds of the cluster showing it. About 125 s on 2 cores.

setup_file() {
  load helper
  kubectl delete namespace waits --ignore-not-found
  kubectl create namespace waits
  kubectl create configmap registry --namespace waits --from-file=registry.mjs=tests/practice/registry-standin.mjs
  # On the host network: a node takes images from its own loopback without TLS.
  deployment registry '"command": ["/opt/node/bin/node", "/registry/registry.mjs", "5999"],
    "volumeMounts": [{"name": "registry", "mountPath": "/registry"}]' '"hostNetwork": true, "nodeName": "practice-worker-02",
    "volumes": [{"name": "registry", "configMap": {"name": "registry"}}]' | kubectl apply -f -
  kubectl wait deployment registry --namespace waits --for=condition=Available --timeout=60s
}

teardown_file() {
  load helper
  kubectl delete validatingwebhookconfigurations waits --ignore-not-found
  kubectl delete pods --namespace waits --all --grace-period=1 --wait=false
  kubectl delete namespace waits --ignore-not-found --timeout=120s
}

setup() { load helper; }

teardown() {
  explain_failure waits
  end_background
  kubectl delete validatingwebhookconfigurations waits --ignore-not-found
  # Suspended by a test that failed meanwhile.
  if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then "$practice" ssh practice-master-01 'pkill -CONT -f "[k]3s kube-controller-manager"'; fi
  kubectl delete deployments,jobs,services --namespace waits --selector waits=yes --cascade=foreground --timeout=30s
  kubectl delete resourcequotas,persistentvolumeclaims --namespace waits --selector waits=yes --wait=false
}

readonly on_second_worker='"nodeSelector": {"kubernetes.io/hostname": "practice-worker-02"}'

# deployment NAME CONTAINER_FIELDS [POD_FIELDS]: of one pod with node in it, on the second worker.
deployment() {
  local image
  image=$(sed -nE 's/.*"n8n": .*"image": "([^"]+)".*/\1/p' "$credentials/versions.json")
  [[ $2 == *'"image"'* ]] && image='' || image="\"image\": \"$image\","
  cat <<JSON
{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "$1", "namespace": "waits", "labels": {"waits": "$([[ $1 == registry ]] || echo yes)"}},
 "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "$1"}}, "template": {
  "metadata": {"labels": {"app": "$1"}, "annotations": {"keybuzz.io/checksum": "1"}},
  "spec": {"terminationGracePeriodSeconds": 1, ${3:-$on_second_worker},
   "containers": [{"name": "main", $image $2}]}}}}
JSON
}

# What the container runs; probed, it is ready when it answers, as every container of the kit.
script() { printf '"command": ["/opt/node/bin/node", "-e", "%s"]' "$1"; }
probed='"readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}'

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

# job CONTAINER_FIELDS: a Job x of one try, which is the kit's kind of Job.
job() {
  deployment x "$1" "$on_second_worker, \"restartPolicy\": \"Never\"" |
    sed -E 's#apps/v1#batch/v1#; s#"Deployment"#"Job"#; s#"replicas": 1, "selector": \{[^}]*\}\}#"backoffLimit": 0#'
}

# sees STATE WORDS...: waits for Deployment x, or Job x with kind=job, until STATE (a pattern in the cluster's own
# objects) was there and the kit has ended its wait: with exit 9, all WORDS, and within five seconds of STATE (or of
# when it began to watch).
sees() {
  local state=$1 seen='' ended word
  bin/ts tests/practice/wait-probe.mts waits "${kind:-deployment}" x "${no_progress:-60}" >"$BATS_TEST_TMPDIR/talk" 2>&1 &
  local probe=$!
  for _ in {1..300}; do
    kill -0 "$probe" 2>/dev/null || break
    [[ -n $seen ]] || ! grep -q watching "$BATS_TEST_TMPDIR/talk" || ! kubectl get pods,deployments,jobs --namespace waits -o json 2>/dev/null |
      grep -qE "$state" || seen=$(milliseconds)
    sleep 0.1
  done
  status=0
  wait "$probe" || status=$?
  ended=$(milliseconds)
  cat "$BATS_TEST_TMPDIR/talk"
  assert_equal "$status" 9
  shift
  for word in "$@"; do assert_regex "$(cat "$BATS_TEST_TMPDIR/talk")" "$word"; done
  echo "shown $((ended - ${seen:-$ended})) ms after the state"
  assert [ $((ended - ${seen:-$ended})) -le 5000 ]
}

# bats test_tags=long
@test "image not found" {
  deployment x '"image": "127.0.0.1:5999/absent/x:1"' | kubectl apply -f -
  sees 'ErrImagePull|ImagePullBackOff' 'cannot start: image not found' '127.0.0.1:5999/absent/x:1' 'practice-worker-02' 'versions.json'
}

# bats test_tags=long
@test "pull refused by the registry" {
  deployment x '"image": "127.0.0.1:5999/refused/x:1"' | kubectl apply -f -
  sees 'ErrImagePull|ImagePullBackOff' 'the registry refuses the pull' 'pull Secret'
}

# bats test_tags=long
@test "image for another architecture" {
  deployment x '"image": "127.0.0.1:5999/foreign/x:1"' | kubectl apply -f -
  sees 'ErrImagePull|ImagePullBackOff' 'image is for another processor architecture'
}

# bats test_tags=long
@test "registry that does not answer" {
  deployment x '"image": "127.0.0.1:5998/any/x:1"' | kubectl apply -f -
  sees 'ErrImagePull|ImagePullBackOff' 'image cannot be pulled' 'reach the registry'
}

# bats test_tags=long
@test "image name that is none" {
  deployment x '"image": "No/Such:Name:1"' | kubectl apply -f -
  sees InvalidImageName 'image name is not valid'
}

@test "crash loop, with the container's last lines" {
  deployment x "$(script 'console.log(\"the last words\"); process.exit(7)'), $probed" | kubectl apply -f -
  sees '"restartCount": [2-9]' 'it crashes again and again' 'exit 7' '\| the last words'
}

# bats test_tags=long
@test "killed for its memory" {
  deployment x "$(script 'const all = []; for (;;) all.push(Buffer.alloc(9e6, 1))'), $probed, \"resources\": {\"limits\": {\"memory\": \"64Mi\"}}" | kubectl apply -f -
  sees '"restartCount": [2-9]' 'it needs more memory than its limit' 'OOMKilled'
}

# bats test_tags=long
@test "an init container that fails" {
  image=$(sed -nE 's/.*"n8n": .*"image": "([^"]+)".*/\1/p' "$credentials/versions.json")
  deployment x "$(script 'setInterval(() => {}, 1000)')" "\"initContainers\": [{\"name\": \"first\", \"image\": \"$image\", $(script 'console.log(\"init fails\"); process.exit(3)')}]" | kubectl apply -f -
  sees '"restartCount": [2-9]' 'it crashes again and again' 'container first ended with exit 3' '\| init fails'
}

# bats test_tags=long
@test "command that the image does not have" {
  deployment x '"command": ["/no/such/program"]' | kubectl apply -f -
  sees 'RunContainerError|StartError|CrashLoopBackOff' 'the container cannot be created|it crashes again' 'no such file'
}

# bats test_tags=long
@test "no node has room: which resource" {
  deployment x "$(script 'setInterval(() => {}, 1000)'), \"resources\": {\"requests\": {\"cpu\": \"100\"}}" | kubectl apply -f -
  sees Unschedulable 'no node can take it' 'Insufficient cpu'
}

# bats test_tags=long
@test "missing Secret, missing ConfigMap" {
  deployment x "$(script 'setInterval(() => {}, 1000)'), \"envFrom\": [{\"secretRef\": {\"name\": \"absent\"}}]" | kubectl apply -f -
  sees CreateContainerConfigError 'a Secret or ConfigMap it needs is missing' 'secret "absent" not found'
}

# bats test_tags=long
@test "missing ConfigMap as a volume: said while it is waited for, and when nothing moves" {
  deployment x "$(script 'setInterval(() => {}, 1000)')" '"volumes": [{"name": "v", "configMap": {"name": "absent"}}]' |
    sed 's#"name": "main",#"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/v"}],#' | kubectl apply -f -
  no_progress=6 sees FailedMount 'configmap "absent" not found'
}

# bats test_tags=long
@test "claim of a volume without a storage class" {
  kubectl apply -f - <<<'{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "waits", "labels": {"waits": "yes"}},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}'
  deployment x "$(script 'setInterval(() => {}, 1000)')" '"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]' | kubectl apply -f -
  sees Unschedulable 'PersistentVolumeClaim' 'storage class'
}

# bats test_tags=long
@test "quota of the namespace" {
  kubectl apply -f - <<<'{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": "waits", "labels": {"waits": "yes"}}, "spec": {"hard": {"pods": "1"}}}'
  sleep 1
  deployment x "$(script 'setInterval(() => {}, 1000)')" | kubectl apply -f -
  sees ReplicaFailure 'its pods are refused' 'exceeded quota: none'
}

# webhook CLIENT_CONFIG: is asked about every pod of the namespace.
webhook() {
  kubectl apply -f - <<JSON
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "waits"},
 "webhooks": [{"name": "waits.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 2,
  "clientConfig": $1, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "waits"}},
  "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}]}
JSON
  sleep 1
}

# bats test_tags=long
@test "admission webhook that refuses" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=waits \
    -addext subjectAltName=IP:10.77.0.1 -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/cert"
  in_background "$BATS_TEST_TMPDIR/webhook" node -e '
    const [key, cert] = process.argv.slice(1).map((path) => require("fs").readFileSync(path))
    const status = { message: "pods need a cost centre" }
    require("https").createServer({ key, cert }, (request, response) => {
      let text = ""
      request.on("data", (part) => (text += part)).on("end", () => {
        const { uid } = JSON.parse(text).request
        const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid, allowed: false, status } }
        response.end(JSON.stringify(review))
      })
    }).listen(5997, "10.77.0.1")' "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/cert"
  webhook "{\"url\": \"https://10.77.0.1:5997/\", \"caBundle\": \"$(base64 -w0 "$BATS_TEST_TMPDIR/cert")\"}"
  deployment x "$(script 'setInterval(() => {}, 1000)')" | kubectl apply -f -
  sees ReplicaFailure 'its pods are refused' 'admission webhook "waits.example.com" denied the request: pods need a cost centre'
}

# bats test_tags=long
@test "admission webhook that does not answer" {
  webhook '{"service": {"namespace": "waits", "name": "nobody"}}'
  deployment x "$(script 'setInterval(() => {}, 1000)')" | kubectl apply -f -
  sees ReplicaFailure 'its pods are refused' 'failed calling webhook "waits.example.com"'
}

# bats test_tags=long
@test "readiness that never comes: the last probe's answer, then the limit" {
  deployment x "$(script 'require(`http`).createServer((q, r) => { r.statusCode = 503; r.end() }).listen(8080)'), $probed" | kubectl apply -f -
  no_progress=8 sees NeverSeen 'did not become ready: nothing has moved for 8 s' 'Readiness probe failed: HTTP probe failed with statuscode: 503'
}

# bats test_tags=long
@test "pods that no Service sends to yet, while the cluster's controllers stand still: waited for, and named" {
  deployment x "$(script 'require(`http`).createServer((q, r) => r.end()).listen(8080)'), $probed" | kubectl apply -f -
  kubectl wait deployment x --namespace waits --for=condition=Available --timeout=60s
  "$practice" ssh practice-master-01 'pkill -STOP -f "[k]3s kube-controller-manager"'
  kubectl expose deployment x --namespace waits --port=8080
  in_background "$BATS_TEST_TMPDIR/talk" bin/ts tests/practice/wait-probe.mts waits deployment x 60
  for _ in {1..50}; do grep -q 'does not send' "$BATS_TEST_TMPDIR/talk" && break || sleep 0.1; done
  "$practice" ssh practice-master-01 'pkill -CONT -f "[k]3s kube-controller-manager"'
  ends_with 0
  run cat "$BATS_TEST_TMPDIR/talk"
  assert_output --regexp 'service/x does not send to x-[0-9a-z-]+ yet'
  assert_output --partial 'deployment/x ready'
}

# bats test_tags=long
@test "a Job that fails, with its last lines" {
  job "$(script 'setTimeout(() => { console.log(\"no such table\"); process.exit(4) }, 3000)')" | kubectl apply -f -
  kind=job sees '"type": "Failed"' 'job/x failed' '\| no such table'
}

# bats test_tags=long
@test "a Job whose image is not found" {
  job '"image": "127.0.0.1:5999/absent/x:1"' | kubectl apply -f -
  kind=job sees 'ErrImagePull|ImagePullBackOff' 'job/x cannot start: image not found'
}
