#!/usr/bin/env bats
# TLS that ends at the Ingress: by the operator's own files; and by cert-manager: the real one, with a real ACME server,
# where PRACTICE_PARTS has it, else a stand-in of its kinds. With the quick stand-in of n8n. About 80 s on 2 cores with
# the stand-in.
# bats file_tags=long

setup_file() {
  load helper
  load_cert_manager
  echo "# TLS by an issuer: $cert_manager" >&3
  export addresses authority=$BATS_FILE_TMPDIR/authority trusted=$BATS_FILE_TMPDIR/trusted.crt
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30 -subj /CN=practice \
    -keyout "$authority.key" -out "$authority.crt" 2>/dev/null
  prepare_cert_manager
  ensure_ground
  kit --module 12 --yes
  addresses=$(setting INGRESS_ADDRESSES)
}

teardown_file() {
  load helper
  load_cert_manager
  kit --module 12 --yes --set TLS_MODE=load-balancer --set "INGRESS_ADDRESSES=$addresses"
  rm -f "$credentials"/12_n8n.tls.{crt,key}
  sed -i '/^TLS_ISSUER=/d' "$credentials/platform.env"
  end_cert_manager
  kubectl delete secret n8n-tls --namespace n8n-practice --ignore-not-found
}

setup() {
  load helper
  load_cert_manager
  crt=$credentials/12_n8n.tls.crt key=$credentials/12_n8n.tls.key
}

teardown() {
  end_background
  explain_failure n8n-practice
  explain_cert_manager
}

is_real() { [[ -f ${PRACTICE_PARTS:-}/cert-manager-controller || -f ${PRACTICE_PARTS:-}/cert-manager-controller.xz ]]; }

load_cert_manager() { if is_real; then load cert-manager/real; else load cert-manager/standin; fi; }

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

# with_tls FLAG...: an install by an admin host that trusts the authorities of these tests; the checks ask port 443.
with_tls() {
  NODE_EXTRA_CA_CERTS=$trusted kit --module 12 --yes \
    --set INGRESS_ADDRESSES=10.77.0.21:443,10.77.0.22:443 "$@"
}

# served NODE: the certificate that node answers with.
served() { openssl s_client -connect "$1:443" -servername "$host" </dev/null 2>/dev/null | openssl x509; }

# assert_served FILE: every node answers with that certificate.
assert_served() {
  local node found wanted
  wanted=$(openssl x509 -in "$1" -noout -fingerprint -sha256)
  for node in 10.77.0.21 10.77.0.22; do
    for _ in {1..20}; do
      found=$(served "$node" | openssl x509 -noout -fingerprint -sha256)
      [[ $found != "$wanted" ]] || break
      sleep 0.3
    done
    assert_equal "$found" "$wanted"
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

@test "an issuer that cannot sign: exit 3 says why, before anything is sent" {
  run -3 with_tls --set TLS_MODE=issuer --set TLS_ISSUER=practice
  assert_output --partial 'cert-manager is not on this cluster'
  bring_cert_manager
  run -3 with_tls
  assert_output --partial 'there is no ClusterIssuer practice'
  issuer_cannot_sign
  run -3 with_tls
  assert_output --partial "ClusterIssuer practice is not Ready: $issuer_complaint"
  run -0 kubectl get ingress n8n --namespace n8n-practice -o 'jsonpath={.metadata.annotations}'
  refute_output --partial cert-manager
}

@test "by an issuer: its refusal ends the wait with its words, exit 9; once it has signed, visitors get that certificate" {
  issuer_can_sign
  refuse
  run -9 with_tls
  assert_output --regexp "the certificate of $host did not become ready: refused: .*$refusal"
  assert_output --partial 'kubectl --namespace n8n-practice delete certificate n8n-tls --cascade=foreground'
  ask_again
  NODE_EXTRA_CA_CERTS=$trusted in_background "$BATS_TEST_TMPDIR/talk" scripts/12_n8n/12_n8n_apply_all.mts --env practice --yes
  sign
  ends_with 0
  # Nor is what cert-manager has for a challenge taken for somebody else's.
  run -1 grep 'is answered by' "$BATS_TEST_TMPDIR/talk"
  assert_served "$(signed)"
  run -0 with_tls
  assert_output --partial 'nothing to do'
  # The files' own Secret went with the other mode.
  run -1 kubectl get secret n8n-certificate --namespace n8n-practice
}

need_real() { is_real || skip 'cert-manager is missing: PRACTICE_PARTS=FOLDER with cert-manager-*.xz and its chart, from github.com/cert-manager/cert-manager, tag v1.21.1'; }

verify() { NODE_EXTRA_CA_CERTS=$trusted kit --module 12 --verify; }

# serial NODE: of the certificate that node answers with.
serial() { served "$1" | openssl x509 -noout -serial; }

# until_renewed SECONDS SERIAL: every node answers with another certificate of the issuer, and meanwhile with none that has
# ended, nor with the ingress controller's own.
until_renewed() {
  local node found old deadline=$((SECONDS + $1))
  while :; do
    old=''
    for node in 10.77.0.21 10.77.0.22; do
      found=$(served "$node") || fail "$node has no certificate on port 443"
      [[ $(openssl x509 -noout -issuer <<<"$found") == *Pebble* ]] || fail "$node answers with a certificate of another issuer: $found"
      openssl x509 -noout -checkend 0 <<<"$found" >/dev/null || fail "$node answers with a certificate that has ended: $found"
      [[ $(openssl x509 -noout -serial <<<"$found") != "$2" ]] || old=$node
    done
    [[ -n $old ]] || break
    ((SECONDS < deadline)) || fail "$old still answers with $2"
    sleep 1
  done
  assert_served "$(signed)"
}

@test "by ACME: the report says when the certificate ends; one that is asked for reaches visitors without a run of the kit" {
  need_real
  run -0 verify
  assert_output --partial 'the certificate ends in 9 days'
  before=$(serial 10.77.0.21)
  renew
  until_renewed 120 "$before"
  run -0 with_tls
  assert_output --partial 'nothing to do'
}

@test "a certificate of three minutes is renewed before it ends, by itself, and no visitor meets one that has ended" {
  need_real
  sign_for minutes
  before=$(serial 10.77.0.21)
  renew
  until_renewed 120 "$before"
  brief=$(serial 10.77.0.21)
  run -0 verify
  assert_output --partial 'the certificate ends in 0 days'
  until_renewed 180 "$brief"
}
