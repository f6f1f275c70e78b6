# shellcheck shell=bash disable=SC2154  # helper.bash, which is loaded before, names the places
# What the tests with the real injector and a real OpenBao share. They need PRACTICE_PARTS=FOLDER with vault-k8s.xz.

# vault_comes_up IMAGES: the platform with the injector's images beside these, and an OpenBao that the kit knows.
vault_comes_up() {
  "$practice" up --images "$1,vault"
  ensure_ground
  forget_vault
  # One that a killed run left.
  end_vault
  name_images
  start_vault
  printf "VAULT_ADDR='https://10.77.0.10:8200'\n" >>"$credentials/platform.env"
  printf "VAULT_KUBERNETES_URL='https://10.77.0.11:6443'\n" | install -m 600 /dev/stdin "$credentials/14_vault.env"
  install -m 600 "$BATS_FILE_TMPDIR/ca.crt" "$credentials/platform.vault.ca"
}

# vault_goes IMAGES: and everything of it. The platform comes up again, which also writes versions.json as it was.
vault_goes() {
  forget_vault
  end_vault
  "$practice" up --images "$1"
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
  rm -f "$credentials"/14_vault.* "$credentials/platform.vault.ca"
  sed -i '/^VAULT_/d' "$credentials/platform.env"
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
    cd "$BATS_FILE_TMPDIR" || exit
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
