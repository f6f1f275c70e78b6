#!/usr/bin/env bats
# TLS that ends at the Ingress: by the operator's own files; and by cert-manager, whose part a stand-in plays here.
# With the quick stand-in of n8n. About 80 s on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  ensure_ground
  kit --module 12 --yes
  export addresses authority=$BATS_FILE_TMPDIR/authority
  addresses=$(setting INGRESS_ADDRESSES)
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30 -subj /CN=practice \
    -keyout "$authority.key" -out "$authority.crt" 2>/dev/null
}

teardown_file() {
  load helper
  kit --module 12 --yes --set TLS_MODE=load-balancer --set "INGRESS_ADDRESSES=$addresses"
  rm -f "$credentials"/12_n8n.tls.{crt,key}
  kubectl delete secret n8n-tls --namespace n8n-practice --ignore-not-found
  kubectl delete customresourcedefinitions --selector keybuzz.io/stand-in=cert-manager --ignore-not-found
}

setup() {
  load helper
  crt=$credentials/12_n8n.tls.crt key=$credentials/12_n8n.tls.key
}

teardown() {
  end_background
  explain_failure n8n-practice
}

# make_certificate DAYS NAME [FILE]: signed by the authority of these tests; its key goes beside it.
make_certificate() {
  local file=${3:-$credentials/12_n8n.tls}
  (
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days "$1" -subj "/CN=$2" \
      -addext "subjectAltName=DNS:$2" -CA "$authority.crt" -CAkey "$authority.key" \
      -keyout "$file.key" -out "$file.crt" 2>/dev/null
  )
}

# with_tls FLAG...: an install by an admin host that trusts the authority; the checks ask port 443.
with_tls() {
  NODE_EXTRA_CA_CERTS=$authority.crt kit --module 12 --yes \
    --set INGRESS_ADDRESSES=10.77.0.21:443,10.77.0.22:443 "$@"
}

# assert_served FILE: every node answers with that certificate.
assert_served() {
  local node served wanted
  wanted=$(openssl x509 -in "$1" -noout -fingerprint -sha256)
  for node in 10.77.0.21 10.77.0.22; do
    for _ in {1..20}; do
      served=$(openssl s_client -connect "$node:443" -servername "$host" </dev/null 2>/dev/null |
        openssl x509 -noout -fingerprint -sha256)
      [[ $served != "$wanted" ]] || break
      sleep 0.3
    done
    assert_equal "$served" "$wanted"
  done
}

pods() { kubectl get pods --namespace n8n-practice -o name | sort; }

@test "files that are missing, of another name, or that do not belong together: exit 2 names each, nothing is sent" {
  run -2 with_tls --set TLS_MODE=files
  assert_output --partial '2 settings are missing'
  assert_output --partial "$crt"
  assert_output --partial "$key"
  make_certificate 90 other.practice.example.com
  run -2 with_tls --set TLS_MODE=files
  assert_output --partial "TLS_CRT is for DNS:other.practice.example.com, not for $host   ($crt)"
  make_certificate 90 "$host" && (umask 077 && openssl genpkey -algorithm ed25519 -out "$key")
  run -2 with_tls --set TLS_MODE=files
  assert_output --partial "TLS_KEY is not the key of the certificate beside it   ($key)"
  assert_equal "$(setting TLS_MODE)" load-balancer
  run -0 kubectl get ingress n8n --namespace n8n-practice -o 'jsonpath={.spec.tls}'
  assert_output ''
}

@test "by files: visitors get that certificate, one that ends soon is told, no pod is touched" {
  make_certificate 10 "$host"
  before=$(pods)
  run -0 with_tls --set TLS_MODE=files
  assert_output --partial 'The public name leads to n8n: /healthz/readiness 200; the certificate ends in 9 days'
  assert_served "$crt"
  assert_equal "$(pods)" "$before"
}

@test "a certificate nobody trusts: exit 10 with that word" {
  run -10 kit --module 12 --verify
  assert_output --partial 'its certificate is not accepted'
}

@test "a renewed one is sent by the next run, its key seen nowhere; the run after sends nothing" {
  make_certificate 90 "$host"
  run -4 --separate-stderr with_tls --plan
  assert_output --partial '~ Secret n8n-practice/n8n-certificate'
  run -0 with_tls
  refute_output --partial 'the certificate ends'
  assert_served "$crt"
  run -1 grep -rlF "$(sed -n 2p "$key")" logs/practice validation/practice
  run -0 with_tls
  assert_output --partial 'nothing to do'
}

@test "files that were lost are filled again from the cluster" {
  cp -p "$crt" "$key" "$BATS_TEST_TMPDIR/"
  rm "$crt" "$key"
  run -0 with_tls
  assert_output --partial 'nothing to do'
  cmp "$crt" "$BATS_TEST_TMPDIR/12_n8n.tls.crt"
  cmp "$key" "$BATS_TEST_TMPDIR/12_n8n.tls.key"
  assert_equal "$(stat -c %a "$key")" 600
}

@test "an object no step wants any more is deleted when a revision names it: the certificate's Secret, back behind a load balancer" {
  kubectl create configmap theirs --namespace n8n-practice
  kubectl get secret n8n-certificate --namespace n8n-practice
  run -0 kit --module 12 --yes --set TLS_MODE=load-balancer --set "INGRESS_ADDRESSES=$addresses"
  assert_output --partial '1 objects no longer wanted: deletion accepted'
  run -1 kubectl get secret n8n-certificate --namespace n8n-practice
  run -0 kubectl get configmap theirs --namespace n8n-practice
  kubectl delete configmap theirs --namespace n8n-practice
}

# The kinds of cert-manager, without anybody who works on them.
stand_in_kinds() {
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

@test "an issuer that cannot sign: exit 3 says why, before anything is sent" {
  run -3 with_tls --set TLS_MODE=issuer --set TLS_ISSUER=practice
  assert_output --partial 'cert-manager is not on this cluster'
  stand_in_kinds
  run -3 with_tls
  assert_output --partial 'there is no ClusterIssuer practice'
  kubectl apply -f - <<<'{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"practice"}}'
  says clusterissuer practice "$(condition False 'the account is not registered')"
  run -3 with_tls
  assert_output --partial 'ClusterIssuer practice is not Ready: the account is not registered'
  run -0 kubectl get ingress n8n --namespace n8n-practice -o 'jsonpath={.metadata.annotations}'
  refute_output --partial cert-manager
}

@test "by an issuer: its refusal ends the wait with its words, exit 9; once it has signed, visitors get that certificate" {
  says clusterissuer practice "$(condition True '')"
  kubectl apply --namespace n8n-practice -f - <<YAML
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: n8n-tls}}
---
{apiVersion: acme.cert-manager.io/v1, kind: Order, metadata: {name: n8n-tls-1}, spec: {dnsNames: [$host]}}
YAML
  says order n8n-tls-1 '{"state":"invalid","reason":"no such name"}'
  run -9 with_tls
  assert_output --partial "the certificate of $host did not become ready: refused: no such name"
  says order n8n-tls-1 '{"state":"pending","reason":"waiting for the name"}'
  talk=$BATS_TEST_TMPDIR/talk
  NODE_EXTRA_CA_CERTS=$authority.crt in_background "$talk" scripts/12_n8n/12_n8n_apply_all.mts --env practice --yes
  for _ in {1..200}; do grep -q "the certificate of $host: waiting for the name" "$talk" && break || sleep 0.1; done
  make_certificate 60 "$host" "$BATS_TEST_TMPDIR/signed"
  kubectl create secret tls n8n-tls --namespace n8n-practice --cert "$BATS_TEST_TMPDIR/signed.crt" --key "$BATS_TEST_TMPDIR/signed.key"
  says certificate n8n-tls "$(condition True '')"
  ends_with 0
  run -0 cat "$talk"
  assert_output --partial "the certificate of $host: waiting for the name"
  assert_served "$BATS_TEST_TMPDIR/signed.crt"
  run -0 with_tls
  assert_output --partial 'nothing to do'
  # The files' own Secret went with the other mode.
  run -1 kubectl get secret n8n-certificate --namespace n8n-practice
}
