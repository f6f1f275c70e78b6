#!/usr/bin/env bats
# Module 14 with a real OpenBao: raft storage, TLS by a CA made here, TokenReviews of the cluster. OpenBao runs on the backend
# machine for this file only. The injector is the real one where PRACTICE_PARTS has vault-k8s, else a stand-in: then the tests
# of leader, certificate and upgrade show what the kit does, and nothing of vault-k8s. About 240 s on 2 cores with the real
# one, without the test of the method jwt, which was not measured; not measured with the stand-in.

setup_file() {
  load helper
  load vault
  vault_comes_up n8n-twin,contract
}

teardown_file() {
  load helper
  load vault
  vault_goes n8n-twin,contract
}

setup() {
  load helper
  load vault
}

teardown() {
  explain_failure vault-injector vault-check
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

# login_by METHOD: in the settings, with a path of the same name.
login_by() {
  sed -i '/^VAULT_AUTH_/d' "$credentials/platform.env"
  printf "VAULT_AUTH_METHOD='%s'\nVAULT_AUTH_PATH='%s'\n" "$1" "$1" >>"$credentials/platform.env"
}

# file_of_pod: the SHA-256 of the file in the pod of the checks, and how often its containers were started anew.
file_of_pod() {
  kubectl exec deployment/vault-check --namespace vault-check --container check -- sha256sum /vault/secrets/check
  kubectl get pods --namespace vault-check -o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'
}

# use_injector VERSION: the tag that versions.json names from now on. injector_image: the one that runs.
use_injector() { sed -i -E "s#(keybuzz-practice/vault-k8s):[0-9.]+#\1:$1#" "$credentials/versions.json"; }
injector_image() { kubectl get deployment vault-injector --namespace vault-injector -o 'jsonpath={.spec.template.spec.containers[0].image}'; }

# authorities: how many CAs the webhook has.
authorities() {
  kubectl get mutatingwebhookconfiguration keybuzz-vault-injector -o 'jsonpath={.webhooks[0].clientConfig.caBundle}' |
    base64 -d | grep -c 'BEGIN CERTIFICATE'
}

# until_both_authorities: a leader writes its own beside the last one some seconds after its election.
until_both_authorities() {
  for _ in {1..40}; do
    if (($(authorities) == 2)); then return; fi
    sleep 1
  done
  fail "the webhook has $(authorities) certificates of a CA"
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

@test "by an AppRole with exactly the policy of the README: installed and validated, and the injector wrote its CA into the webhook" {
  make_approle
  run -0 approle
  assert_output --partial '13 checks passed'
  run -0 cat validation/practice/MODULE14_VALIDATION.md
  assert_output --partial 'it is not HashiCorp Vault'
  if injector_is_real; then
    assert_output --partial 'Met: vault-k8s, built from source'
  else
    assert_output --partial '**Met: a stand-in, not the real program** (vault-k8s)'
  fi
  refute_output --partial 'Met: the real program'
  run -0 kubectl get mutatingwebhookconfiguration keybuzz-vault-injector -o 'jsonpath={.webhooks[0].clientConfig.caBundle}'
  assert [ -n "$output" ]
}

@test "the injector without the real program says in its log that it is a stand-in" {
  ! injector_is_real || skip 'the real injector is here'
  run -0 kubectl logs --namespace vault-injector --selector app.kubernetes.io/name=vault-injector --tail=-1
  assert_line --partial 'STAND-IN of vault-k8s 1.7.6'
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

@test "the token and the AppRole for the set-up are in no file of the kit, and the token in no Secret of the cluster" {
  run -1 grep -rqF "$(root_token)" credentials logs validation
  run -1 grep -rqF "$(secret_id)" credentials logs validation
  run -0 kubectl get secrets --all-namespaces -o 'jsonpath={range .items[*]}{.data}{"\n"}{end}'
  refute_output --partial "$(base64 -w0 <"$BATS_FILE_TMPDIR/root-token" | cut -c1-20)"
}

@test "the drills: a new value reaches the pod, the injector is lost, pods are refused without one, and one waits without Vault" {
  uid=$(uid_of_pod)
  run -0 kit --module 14 --drill --confirm vault
  assert_output --partial 'refused with the annotation, made without it'
  assert_output --partial '(vault.away)'
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

@test "stopped for half a minute: the running pod keeps its file, no container of it starts anew, and all is right afterwards" {
  before=$(file_of_pod)
  stop_vault
  # The agent looks every 20 s.
  sleep 30
  run -10 configured --verify
  assert_output --partial 'vault.health'
  assert_equal "$(file_of_pod)" "$before"
  run_vault
  unseal
  assert_equal "$(file_of_pod)" "$before"
  run -0 configured --verify
}

@test "a field that Vault has no more: the running pod keeps its file, a new one never starts, and --verify names the field" {
  before=$(file_of_pod)
  value=$(bao kv get -mount=kv -field=value keybuzz/check)
  bao kv put -mount=kv keybuzz/check other=x
  sleep 30
  assert_equal "$(file_of_pod)" "$before"
  kubectl delete pods --namespace vault-check --all
  sleep 45
  run -10 configured --verify
  assert_output --regexp 'map has no entry for key .?"value'
  run -0 kubectl get pods --namespace vault-check -o 'jsonpath={.items[*].status.phase}'
  assert_output 'Pending'
  bao kv put -mount=kv keybuzz/check "value=$value"
  kubectl wait deployment/vault-check --namespace vault-check --for=condition=Available --timeout=120s
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

# bats test_tags=long
@test "by jwt, without the API server: a pod logs in, other keys are found and mended, and the way back works" {
  login_by jwt
  run -0 vault
  assert_output --partial 'what Vault has at auth/kubernetes stays there'
  assert_output --partial '14 checks passed'
  run -0 kubectl get deployment vault-check --namespace vault-check -o 'jsonpath={.spec.template.metadata.annotations.vault\.hashicorp\.com/auth-type}'
  assert_output jwt
  run -0 kubectl get secrets --namespace vault-reviewer -o name
  assert_output ''
  run -0 kubectl get clusterrolebindings --selector keybuzz.io/module=14_vault -o name
  refute_output --partial vault-reviewer
  # Vault asks nobody: it lets in the service account of its role alone.
  run -0 bao write auth/jwt/login role=keybuzz-check "jwt=$(kubectl create token vault-check --namespace vault-check --audience vault)"
  run -2 bao write auth/jwt/login role=keybuzz-check "jwt=$(kubectl create token default --namespace vault-check --audience vault)"
  assert_output --partial 'invalid subject (sub) claim'
  run -0 configured
  assert_output --partial 'nothing to do'
  # As if every key of the cluster had been changed: Vault has one that it does not sign with.
  openssl ecparam -name prime256v1 -genkey -noout -out "$BATS_TEST_TMPDIR/key" 2>/dev/null
  bao write auth/jwt/config "jwt_validation_pubkeys='$(openssl pkey -in "$BATS_TEST_TMPDIR/key" -pubout)'"
  run -10 configured --verify
  assert_output --partial 'vault.keys'
  assert_output --partial 'no known key successfully validated'
  run -0 vault
  assert_output --partial '1 written, a login works'
  run -0 configured --verify
  login_by kubernetes
  run -0 vault
  assert_output --partial '13 checks passed'
}

# bats test_tags=long
@test "an upgrade and the way back: each time a new leader, whose CA is beside the last one, and old pods work on as they are" {
  pod=$(uid_of_pod) file=$(file_of_pod) first=$(leader)
  use_injector 1.7.7
  run -0 configured --upgrade
  assert_output --partial '13 checks passed'
  assert_equal "$(injector_image)" keybuzz-practice/vault-k8s:1.7.7
  second=$(leader)
  assert [ "$second" != "$first" ]
  until_both_authorities
  run -0 kit --module 14 --rollback
  assert_output --partial '13 checks passed'
  assert_equal "$(injector_image)" keybuzz-practice/vault-k8s:1.7.6
  assert [ "$(leader)" != "$second" ]
  until_both_authorities
  assert_equal "$(uid_of_pod)" "$pod"
  assert_equal "$(file_of_pod)" "$file"
  use_injector 1.7.6
}

@test "uninstall: the webhook goes first, no pod is refused afterwards, and what stays in Vault is named" {
  run -0 kit --module 14 --uninstall --confirm vault
  assert_output --partial 'in Vault https://10.77.0.10:8200: auth method kubernetes'
  run -0 kubectl get mutatingwebhookconfigurations,clusterroles,clusterrolebindings --selector keybuzz.io/module=14_vault -o name
  assert_output ''
  run -0 kubectl get deployments,services,secrets --all-namespaces --selector keybuzz.io/module=14_vault -o name
  assert_output ''
  run -0 kubectl get secrets --namespace vault-injector --field-selector metadata.name=vault-injector-certs -o name
  assert_output ''
}
