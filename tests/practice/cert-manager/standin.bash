# shellcheck shell=bash disable=SC2034,SC2154  # names for tls.bats, and those of it and of helper.bash
# The kinds of cert-manager, without anybody who works on them: the tests say what it would. real.bash has the same words.

cert_manager='a stand-in of cert-manager: its kinds alone. The real one needs PRACTICE_PARTS=FOLDER with cert-manager-*.xz and its chart'

# What its issuer and its refusal say.
issuer_complaint='the account is not registered'
refusal='no such name'

prepare_cert_manager() {
  remove_cert_manager
  cp "$authority.crt" "$trusted"
}

remove_cert_manager() {
  kubectl delete customresourcedefinitions --selector keybuzz.io/stand-in=cert-manager --ignore-not-found
}

bring_cert_manager() {
  local group kind scope
  while read -r group kind scope; do
    cat <<YAML
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: "${kind,,}s.$group", labels: {keybuzz.io/stand-in: cert-manager}}
spec:
  group: $group
  scope: $scope
  names: {kind: $kind, plural: "${kind,,}s", singular: "${kind,,}"}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
YAML
  done <<'KINDS' | kubectl apply -f - >&2
cert-manager.io ClusterIssuer Cluster
cert-manager.io Certificate Namespaced
cert-manager.io CertificateRequest Namespaced
acme.cert-manager.io Order Namespaced
acme.cert-manager.io Challenge Namespaced
KINDS
  kubectl wait --for=condition=Established customresourcedefinitions --selector keybuzz.io/stand-in=cert-manager --timeout=30s >&2
}

# says KIND NAME STATUS: what cert-manager would write into it.
says() { kubectl patch "$1" "$2" --namespace n8n-practice --subresource=status --type=merge --patch "{\"status\":$3}" >&2; }

condition() { printf '{"conditions":[{"type":"Ready","status":"%s","message":"%s"}]}' "$1" "$2"; }

issuer_cannot_sign() {
  kubectl apply -f - <<<'{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"practice"}}'
  says clusterissuer practice "$(condition False "$issuer_complaint")"
}

issuer_can_sign() { says clusterissuer practice "$(condition True '')"; }

refuse() {
  kubectl apply --namespace n8n-practice -f - <<YAML
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: n8n-tls}}
---
{apiVersion: acme.cert-manager.io/v1, kind: Order, metadata: {name: n8n-tls-1}, spec: {dnsNames: [$host]}}
YAML
  says order n8n-tls-1 "{\"state\":\"invalid\",\"reason\":\"$refusal\"}"
}

ask_again() { says order n8n-tls-1 '{"state":"pending","reason":"waiting for the name"}'; }

# sign: once the run in the background waits, and says so.
sign() {
  until_said "the certificate of $host: waiting for the name"
  make_certificate 60 "$host" "$BATS_FILE_TMPDIR/signed"
  kubectl create secret tls n8n-tls --namespace n8n-practice --cert "$BATS_FILE_TMPDIR/signed.crt" --key "$BATS_FILE_TMPDIR/signed.key"
  says certificate n8n-tls "$(condition True '')"
}

# signed: the file of the certificate visitors get.
signed() { echo "$BATS_FILE_TMPDIR/signed.crt"; }

end_cert_manager() { remove_cert_manager; }

explain_cert_manager() { :; }
