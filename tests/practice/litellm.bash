# shellcheck shell=bash disable=SC2154  # helper.bash, which is loaded before, names the places
# What the tests of module 15 share.

# llm FLAG...: a run of module 15 that never asks.
llm() { kit --module 15 --yes "$@"; }

# forget_llm: as if module 15 had never been in this environment, but for its file of models.
forget_llm() {
  kubectl delete namespace llm-practice --ignore-not-found --timeout=300s
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=15_llm,keybuzz.io/revision-env=practice --ignore-not-found
  kubectl delete persistentvolume llm-practice --ignore-not-found --timeout=60s
  sql 'DROP DATABASE IF EXISTS llm_practice WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS llm_practice'
  redis_command -n 10 FLUSHDB
  rm -f "$credentials"/15_llm.{env,keys.env,services.yml} "$credentials/llm.dump"
}

# dump_llm: the database, where an upgrade looks for its dump.
dump_llm() { "$practice" ssh practice-backend-01 'cd / && runuser -u postgres -- pg_dump --format=custom llm_practice' </dev/null >"$credentials/llm.dump"; }

# give_files: the operator's own: a key, and a service of a stand-in that is there already.
give_files() {
  printf "%s='%s'\n" PORT 3000 API_URL http://litellm:4000 FRONT_URL http://echo:3000 PRACTICE_KEY a-key-of-the-tests |
    install -m 600 /dev/stdin "$credentials/15_llm.keys.env"
  install -m 600 /dev/stdin "$credentials/15_llm.services.yml" <<'YAML'
services:
  - name: echo
    image: keybuzz-practice/keybuzz-front:1.4.0
    port: 3000
    health: /
    uid: 1000
    resources: { cpu: 20m, memory: 64Mi, cpuLimit: 500m, memoryLimit: 256Mi }
    environment: [PORT, API_URL, FRONT_URL]
    host: echo.practice.example.com
YAML
}

# ensure_volume: a cluster without a StorageClass, as the platform's own, has a folder of a node for the one volume.
ensure_volume() {
  local node
  [[ -z $(kubectl get storageclasses -o name) ]] || return 0
  node=$(kubectl get nodes --selector '!node-role.kubernetes.io/control-plane' -o 'jsonpath={.items[0].metadata.name}')
  on "${node#practice-}" 'rm -rf /var/lib/rancher/llm && mkdir -p /var/lib/rancher/llm'
  kubectl apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: llm-practice}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  local: {path: /var/lib/rancher/llm}
  nodeAffinity:
    required:
      nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node]}]}]
YAML
}

# of_llm KINDS FORMAT: what module 15 owns of these kinds.
of_llm() { kubectl get "$1" --namespace llm-practice --selector keybuzz.io/module=15_llm -o "$2"; }

llm_jobs() { of_llm jobs 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.succeeded}{"\n"}{end}' | sort; }
llm_image() { kubectl get deployment litellm --namespace llm-practice -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
use_llm() { sed -i -E "s#(keybuzz-practice/litellm):[0-9.]+#\1:$1#" "$credentials/versions.json"; }

# key_header KEY: a file with the header by which curl sends that key, which is then on no command line.
key_header() {
  printf 'Authorization: Bearer %s\n' "$1" | install -m 600 /dev/stdin "$BATS_TEST_TMPDIR/key"
  echo "@$BATS_TEST_TMPDIR/key"
}

# sealed_with KEY TEXT: TEXT as LiteLLM encrypts it with that salt key.
sealed_with() {
  SALT=$1 TEXT=$2 node --input-type=module <<'JS'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
const iv = randomBytes(12)
const cipher = createCipheriv('aes-256-gcm', createHash('sha256').update(process.env.SALT).digest(), iv)
const sealed = Buffer.concat([iv, cipher.update(process.env.TEXT), cipher.final(), cipher.getAuthTag()])
console.log(`v2:gcm:${sealed.toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`)
JS
}

# llm_state: everything module 15 owns, by name and version.
llm_state() {
  llm_jobs
  of_llm deployments,statefulsets,services,secrets,configmaps,ingresses,horizontalpodautoscalers,poddisruptionbudgets,persistentvolumeclaims \
    'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="keybuzz")].time}{"\n"}{end}'
  kubectl get secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=15_llm,keybuzz.io/revision-env=practice \
    -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'
}
