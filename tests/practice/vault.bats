#!/usr/bin/env bats
# Module 14 with the real injector and a real OpenBao: raft storage, TLS by a CA made here, TokenReviews of the cluster.
# OpenBao runs on the backend machine for this file only. Needs PRACTICE_PARTS=FOLDER with vault-k8s.xz. About 240 s on 2 cores.

setup_file() {
  load helper
  load vault
  injector_is_at_hand || return 0
  vault_comes_up n8n-twin,contract
}

teardown_file() {
  load helper
  load vault
  injector_is_at_hand || return 0
  vault_goes n8n-twin,contract
}

setup() {
  load helper
  load vault
  injector_is_at_hand || skip 'the injector is missing: PRACTICE_PARTS=FOLDER with vault-k8s.xz, from github.com/hashicorp/vault-k8s, tag v1.7.6'
}

teardown() {
  injector_is_at_hand || return 0
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
  run -0 kubectl get secrets --namespace vault-injector --field-selector metadata.name=vault-injector-certs -o name
  assert_output ''
}
