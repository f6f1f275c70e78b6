#!/usr/bin/env bats
# Module 14 with the real injector and a real OpenBao: raft storage, TLS by a CA made here, TokenReviews of the cluster.
# OpenBao runs on the backend machine for this file only. Needs PRACTICE_PARTS=FOLDER with vault-k8s.xz. About 240 s on 2 cores.

setup_file() {
  load helper
  injector_is_at_hand || return 0
  "$practice" up --images n8n-twin,contract,vault
  ensure_ground
  forget_vault
  # One that a killed run left.
  end_vault
  name_images
  start_vault
  printf "VAULT_ADDR='https://10.77.0.10:8200'\nVAULT_KUBERNETES_URL='https://10.77.0.11:6443'\n" |
    install -m 600 /dev/stdin "$credentials/14_vault.env"
  install -m 600 "$BATS_FILE_TMPDIR/ca.crt" "$credentials/14_vault.vault.ca"
}

teardown_file() {
  load helper
  injector_is_at_hand || return 0
  forget_vault
  end_vault
  # It also writes versions.json as it was.
  "$practice" up --images n8n-twin,contract
}

setup() {
  load helper
  injector_is_at_hand || skip 'the injector is missing: PRACTICE_PARTS=FOLDER with vault-k8s.xz, from github.com/hashicorp/vault-k8s, tag v1.7.6'
}

teardown() {
  injector_is_at_hand || return 0
  explain_failure vault-injector vault-check
}

injector_is_at_hand() { [[ -f ${PRACTICE_PARTS:-}/vault-k8s.xz ]]; }

# vault FLAG...: a run of module 14 that never asks, with the token for the set-up. configured: the same without it.
vault() { KEYBUZZ_VAULT_TOKEN=$(root_token) kit --module 14 --yes "$@"; }
configured() { kit --module 14 --yes "$@"; }
root_token() { cat "$BATS_FILE_TMPDIR/root-token"; }

# forget_vault: as if module 14 had never been there. The webhook first: without an injector it refuses pods.
forget_vault() {
  kubectl delete mutatingwebhookconfiguration keybuzz-vault-injector --ignore-not-found
  kubectl delete clusterrole keybuzz-vault-injector --ignore-not-found
  kubectl delete clusterrolebinding keybuzz-vault-injector keybuzz-vault-reviewer --ignore-not-found
  kubectl delete namespace vault-check vault-injector vault-reviewer --ignore-not-found --timeout=120s
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=14_vault --ignore-not-found
  rm -f "$credentials"/14_vault.*
}

# name_images: what the images are here.
name_images() {
  node -e '
    const [file] = process.argv.slice(1)
    const versions = JSON.parse(fs.readFileSync(file, "utf8"))
    versions["vault-k8s"] = { version: "1.7.6", image: "keybuzz-practice/vault-k8s:1.7.6" }
    versions["vault-agent"] = {
      version: "2.7.2",
      image: "keybuzz-practice/vault-agent:2.7.2",
      standIn: "OpenBao, the real one, in an image packed here: it is not HashiCorp Vault",
    }
    fs.writeFileSync(file, JSON.stringify(versions, null, 2))' "$credentials/versions.json"
}

# bao WORDS...: OpenBao's own program on its machine, as root of it.
bao() {
  in_backend "export BAO_ADDR=https://10.77.0.10:8200 BAO_CACERT=/etc/practice-vault/ca.crt BAO_TOKEN='$(cat "$BATS_FILE_TMPDIR/root-token" 2>/dev/null)'; bao $*"
}

# start_vault: a new one, initialised and unsealed, with a KV engine at kv.
start_vault() {
  local image answers
  image=$(tests/practice/images/build vault)
  tar -xOf "$image" layer.tar | tar -xO ./bin/bao | on backend-01 'cat >/usr/local/bin/bao && chmod 755 /usr/local/bin/bao'
  (
    cd "$BATS_FILE_TMPDIR"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj '/CN=practice Vault CA'
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=vault
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
      -extfile <(echo subjectAltName=IP:10.77.0.10)
  ) 2>/dev/null
  tar -C "$BATS_FILE_TMPDIR" -c ca.crt server.crt server.key |
    on backend-01 'install -d -m 700 /etc/practice-vault /var/lib/practice-vault && tar -xC /etc/practice-vault'
  in_backend 'cat >/etc/practice-vault/server.hcl <<CONFIG
storage "raft" {
  path = "/var/lib/practice-vault"
  node_id = "practice"
}
listener "tcp" {
  address = "10.77.0.10:8200"
  tls_cert_file = "/etc/practice-vault/server.crt"
  tls_key_file = "/etc/practice-vault/server.key"
}
api_addr = "https://10.77.0.10:8200"
cluster_addr = "https://10.77.0.10:8201"
CONFIG
systemd-run --quiet --unit practice-vault /usr/local/bin/bao server -config=/etc/practice-vault/server.hcl'
  for _ in {1..30}; do
    answers=$(bao operator init -key-shares=1 -key-threshold=1 -format=json 2>/dev/null) && break
    sleep 1
  done
  (umask 077 && node -p 'JSON.parse(process.argv[1]).root_token' "$answers" >"$BATS_FILE_TMPDIR/root-token" &&
    node -p 'JSON.parse(process.argv[1]).unseal_keys_b64[0]' "$answers" >"$BATS_FILE_TMPDIR/unseal-key")
  unseal
  bao secrets enable -version=2 -path=kv kv
}

# end_vault: and everything of it.
end_vault() {
  in_backend 'if systemctl is-active --quiet practice-vault; then systemctl stop practice-vault; fi
    rm -rf /etc/practice-vault /var/lib/practice-vault /usr/local/bin/bao'
}

# unseal: and waits until it is active.
unseal() {
  bao operator unseal "$(cat "$BATS_FILE_TMPDIR/unseal-key")" >/dev/null
  for _ in {1..30}; do
    [[ $(curl --silent --insecure --max-time 5 -o /dev/null -w '%{http_code}' https://10.77.0.10:8200/v1/sys/health) != 200 ]] || return 0
    sleep 1
  done
  return 1
}

# leader: the pod of the injector that keeps the certificate.
leader() { kubectl get configmap vault-k8s-leader --namespace vault-injector -o 'jsonpath={.metadata.ownerReferences[0].name}'; }

# state: everything module 14 owns, by name and version, and what the injector wrote into the webhook.
state() {
  kubectl get mutatingwebhookconfigurations,clusterroles,clusterrolebindings,roles,rolebindings,deployments,services,serviceaccounts,poddisruptionbudgets \
    --all-namespaces --selector keybuzz.io/module=14_vault \
    -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}' | grep -v '^Deployment'
  kubectl get deployments --all-namespaces --selector keybuzz.io/module=14_vault \
    -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.generation}{"\n"}{end}'
}

# uid_of_pod: of the pod of the checks.
uid_of_pod() { kubectl get pods --namespace vault-check -o 'jsonpath={.items[*].metadata.uid}'; }

@test "without a token for the set-up: exit 2 says what to give, and Vault is as it was" {
  run -2 configured
  assert_output --partial 'does not take the tokens of this cluster yet'
  assert_output --partial 'KEYBUZZ_VAULT_TOKEN'
  run bao auth list
  refute_output --partial 'kubernetes/'
}

@test "installed and validated: a pod has the value of Vault, and the injector wrote its CA into the webhook" {
  run -0 vault
  assert_output --partial '13 checks passed'
  run -0 cat validation/practice/MODULE14_VALIDATION.md
  assert_output --partial 'it is not HashiCorp Vault'
  run -0 kubectl get mutatingwebhookconfiguration keybuzz-vault-injector -o 'jsonpath={.webhooks[0].clientConfig.caBundle}'
  assert [ -n "$output" ]
}

@test "the token for the set-up is in no file of the kit and no Secret of the cluster" {
  run -1 grep -rqF "$(root_token)" credentials logs validation
  run -0 kubectl get secrets --all-namespaces -o 'jsonpath={range .items[*]}{.data}{"\n"}{end}'
  refute_output --partial "$(base64 -w0 <"$BATS_FILE_TMPDIR/root-token" | cut -c1-20)"
}

@test "a second run needs no token, sends nothing, and leaves the CA in the webhook; so does one with a token" {
  before=$(state)
  run -0 configured
  assert_output --partial 'nothing to do'
  assert_equal "$(state)" "$before"
  run -0 vault
  assert_output --partial 'Vault: nothing to change, a login works'
  assert_equal "$(state)" "$before"
}

@test "the drills: a new value reaches the pod, the injector is lost, and pods are refused without one" {
  uid=$(uid_of_pod)
  run -0 kit --module 14 --drill --confirm vault
  assert_output --partial 'refused with the annotation, made without it'
  assert_equal "$(uid_of_pod)" "$uid"
}

@test "sealed: exit 3 before anything is written, the running pod keeps its file, a new one waits and is named" {
  bao operator seal
  run -3 vault
  assert_output --partial 'is sealed'
  kubectl delete pods --namespace vault-check --all --wait=false
  sleep 45
  run -10 configured --verify
  assert_output --partial 'vault.waiting'
  assert_output --partial 'Vault is sealed'
  unseal
  kubectl wait deployment/vault-check --namespace vault-check --for=condition=Available --timeout=90s
  run -0 configured --verify
}

@test "the injector’s certificate deleted: the check names the leader’s pod, and deleting that makes both anew" {
  kubectl delete secret vault-injector-certs --namespace vault-injector
  run -10 configured --verify
  assert_output --partial "delete pod $(leader)"
  kubectl delete pod "$(leader)" --namespace vault-injector
  for _ in {1..20}; do
    if configured --verify; then return; fi
    sleep 3
  done
  return 1
}

@test "the reviewer’s token deleted: another is made, tried, and given to Vault" {
  kubectl delete secret vault-reviewer-token --namespace vault-reviewer
  run -0 vault
  assert_output --partial '1 written, a login works'
  run -0 configured --verify
}

@test "uninstall: the webhook goes first, no pod is refused afterwards, and what stays in Vault is named" {
  run -0 kit --module 14 --uninstall --confirm vault
  assert_output --partial 'in Vault https://10.77.0.10:8200: auth method kubernetes'
  run -0 kubectl get mutatingwebhookconfigurations,clusterroles,clusterrolebindings --selector keybuzz.io/module=14_vault -o name
  assert_output ''
  run -0 kubectl get deployments,services,secrets --all-namespaces --selector keybuzz.io/module=14_vault -o name
  assert_output ''
}
