# shellcheck shell=bash disable=SC2034,SC2154  # names for tls.bats, and those of it and of helper.bash
# cert-manager itself, out of PRACTICE_PARTS, in the cluster; Pebble, an ACME server, on the backend machine. Pebble asks
# for the public name on port 80, where the DNS server beside it says. standin.bash has the same words.

cert_manager='cert-manager 1.21.1, built from source, and Pebble, a real ACME server for tests'

# What its issuer says of a CA that did not sign Pebble's certificate, and Pebble of a name that leads elsewhere.
issuer_complaint='Failed to register ACME account: Get "https://10.77.0.10:14000/dir": tls: failed to verify certificate: x509: '
refusal='urn:ietf:params:acme:error:connection'

pebble=$BATS_FILE_TMPDIR/pebble
objects=$BATS_FILE_TMPDIR/cert-manager.yaml
made_by_cert_manager=certificaterequests.cert-manager.io,orders.acme.cert-manager.io,challenges.acme.cert-manager.io

# prepare_cert_manager: everything but cert-manager in the cluster.
prepare_cert_manager() {
  "$practice" up --images n8n-twin,contract,cert-manager
  tests/practice/cert-manager/render >"$objects"
  # Those that a killed run left.
  remove_cert_manager
  start_pebble
  cat "$authority.crt" "$pebble/root.crt" >"$trusted"
}

remove_cert_manager() {
  end_pebble
  if kubectl get customresourcedefinitions {certificates,clusterissuers}.cert-manager.io challenges.acme.cert-manager.io >/dev/null 2>&1; then
    forget_certificates
  fi
  kubectl delete -f "$objects" --ignore-not-found --timeout=120s >&2
  kubectl delete namespace cert-manager --ignore-not-found --timeout=120s
  kubectl delete leases --namespace kube-system cert-manager-controller cert-manager-cainjector-leader-election --ignore-not-found
}

end_cert_manager() {
  remove_cert_manager
  "$practice" up --images n8n-twin,contract
}

# forget_certificates: whatever works on them ends first, or an Ingress that still asks for one would get another. Without
# the webhook's pod its configuration refuses every change; a Challenge waits for cert-manager before it goes.
forget_certificates() {
  local name names
  kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration cert-manager-webhook --ignore-not-found
  kubectl delete deployment cert-manager --namespace cert-manager --ignore-not-found --cascade=foreground --timeout=60s
  names=$(kubectl get challenges.acme.cert-manager.io --namespace n8n-practice -o name)
  for name in $names; do
    kubectl patch "$name" --namespace n8n-practice --type=merge --patch '{"metadata":{"finalizers":null}}' ||
      echo "$name went by itself"
  done
  kubectl delete certificates.cert-manager.io --namespace n8n-practice --all --cascade=foreground --timeout=60s
  kubectl delete clusterissuers.cert-manager.io practice --ignore-not-found
}

bring_cert_manager() {
  kubectl create namespace cert-manager >&2
  kubectl apply --server-side -f "$objects" >&2
  kubectl wait deployments --all --namespace cert-manager --for=condition=Available --timeout=180s >&2
  # Until its CA is in the webhook, the API server refuses what the webhook has to see.
  for _ in {1..60}; do
    if issuer "$authority.crt" | kubectl apply --dry-run=server -f - >"$BATS_FILE_TMPDIR/webhook" 2>&1; then return; fi
    sleep 1
  done
  cat "$BATS_FILE_TMPDIR/webhook" && return 1
}

# issuer CA: that of Pebble, whose certificate this CA is said to have signed.
issuer() {
  cat <<YAML
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: practice}
spec:
  acme:
    server: https://10.77.0.10:14000/dir
    caBundle: $(base64 -w0 <"$1")
    profile: days
    privateKeySecretRef: {name: practice-account}
    solvers:
      - http01: {ingress: {ingressClassName: nginx}}
YAML
}

issuer_cannot_sign() {
  issuer "$authority.crt" | kubectl apply -f - >&2
  kubectl wait clusterissuer/practice --for=condition=Ready=False --timeout=60s >&2
}

issuer_can_sign() {
  issuer "$pebble/ca.crt" | kubectl apply -f - >&2
  kubectl wait clusterissuer/practice --for=condition=Ready --timeout=60s >&2
}

# refuse: the public name leads to a machine where nobody listens on port 80.
refuse() { name_leads_to 10.77.0.10; }

# ask_again: as the kit says, once the cause is gone.
ask_again() {
  kubectl wait certificate/n8n-tls --namespace n8n-practice --for=condition=Issuing=False --timeout=60s >&2
  name_leads_to 10.77.0.21
  kubectl --namespace n8n-practice delete certificate n8n-tls --cascade=foreground --timeout=60s
}

# sign: it does by itself.
sign() { :; }

# signed: the file of the certificate visitors get.
signed() {
  kubectl get secret n8n-tls --namespace n8n-practice -o 'jsonpath={.data.tls\.crt}' | base64 -d >"$BATS_FILE_TMPDIR/signed.crt"
  echo "$BATS_FILE_TMPDIR/signed.crt"
}

# renew: what `cmctl renew n8n-tls` writes.
renew() {
  kubectl patch certificate n8n-tls --namespace n8n-practice --subresource=status --type=json --patch "[{\"op\":\"add\",
    \"path\":\"/status/conditions/-\",\"value\":{\"type\":\"Issuing\",\"status\":\"True\",\"reason\":\"ManuallyTriggered\",
    \"message\":\"Certificate re-issuance manually triggered\",\"lastTransitionTime\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}}]"
}

# sign_for PROFILE: what the issuer asks Pebble for from now on; pebble.json has them.
sign_for() { kubectl patch clusterissuer practice --type=merge --patch "{\"spec\":{\"acme\":{\"profile\":\"$1\"}}}"; }

# name_leads_to ADDRESS: by the DNS server Pebble asks.
name_leads_to() {
  in_backend "set -e
    curl --silent --fail --data '{\"host\":\"$host\"}' http://127.0.0.1:8055/clear-a
    curl --silent --fail --data '{\"host\":\"$host\",\"addresses\":[\"$1\"]}' http://127.0.0.1:8055/add-a"
}

start_pebble() {
  local programs name
  programs=$(tests/practice/pebble/build)
  mkdir "$pebble"
  (
    cd "$pebble" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj '/CN=practice Pebble CA' \
      -keyout ca.key -out ca.crt
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=pebble \
      -addext subjectAltName=IP:10.77.0.10 -CA ca.crt -CAkey ca.key -keyout server.key -out server.crt
  ) 2>/dev/null
  cp tests/practice/pebble/pebble.json "$pebble/"
  tar -C "$pebble" -c server.crt server.key pebble.json |
    on backend-01 'install -d -m 700 /etc/practice-pebble && tar -xC /etc/practice-pebble'
  for name in pebble pebble-challtestsrv; do
    on backend-01 "cat >/usr/local/bin/$name && chmod 755 /usr/local/bin/$name" <"$programs/$name"
  done
  # Every order is proven by HTTP-01 anew.
  in_backend 'set -e
    systemd-run --quiet --collect --unit practice-pebble-dns /usr/local/bin/pebble-challtestsrv -defaultIPv4=10.77.0.10 \
      -defaultIPv6= -dnsserver=127.0.0.1:8053 -management=127.0.0.1:8055 -http01= -https01= -tlsalpn01= -doh=
    systemd-run --quiet --collect --unit practice-pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_AUTHZREUSE=0 \
      --setenv=PEBBLE_WFE_NONCEREJECT=0 /usr/local/bin/pebble -config /etc/practice-pebble/pebble.json -dnsserver 127.0.0.1:8053'
  for _ in {1..30}; do
    if in_backend 'curl --silent --fail --insecure https://127.0.0.1:15000/roots/0' >"$pebble/root.crt"; then return; fi
    sleep 1
  done
  in_backend 'journalctl --no-pager -u practice-pebble -u practice-pebble-dns -n 20'
  return 1
}

# end_pebble: and everything of it.
end_pebble() {
  # shellcheck disable=SC2016 # expanded on the machine
  in_backend 'for unit in practice-pebble practice-pebble-dns; do
      if systemctl is-active --quiet "$unit"; then systemctl stop "$unit"; fi
    done
    rm -rf /etc/practice-pebble /usr/local/bin/pebble /usr/local/bin/pebble-challtestsrv'
}

# explain_cert_manager: what a failed test has to be understood by, on the way of a certificate from the name to Pebble.
explain_cert_manager() {
  [[ -z ${BATS_TEST_COMPLETED:-} ]] || return 0
  echo '--- cert-manager: pods, issuer, what it made, ingresses, its log'
  timeout 20 "$practice" kubectl get pods --namespace cert-manager -o wide
  timeout 20 "$practice" kubectl describe clusterissuers | tail -n 25
  timeout 20 "$practice" kubectl describe "certificates,$made_by_cert_manager" --namespace n8n-practice |
    sed -nE '/^(Name|Kind|  *(Dns Name|State|Reason|Message|Type|Status|Not After|Renewal Time)):/p'
  timeout 20 "$practice" kubectl get ingresses,services,pods --namespace n8n-practice -o wide
  timeout 20 "$practice" kubectl logs --namespace cert-manager deployment/cert-manager --tail=30 | cut -c1-400
  echo '--- Traefik, Pebble'
  timeout 20 "$practice" kubectl logs --namespace ingress --selector app=traefik --prefix --tail=8 | cut -c1-300
  in_backend 'journalctl --no-pager --quiet -u practice-pebble -u practice-pebble-dns -n 30 -o cat' | cut -c1-300
} 2>&1
