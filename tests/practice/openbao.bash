# shellcheck shell=bash disable=SC2154  # what loads it names the places: $vault_folder, $credentials, on and in_backend
# A real OpenBao on the backend machine: raft storage, TLS by a CA made here. $vault_folder keeps its CA, root token and
# unseal key.

# tell_of_vault: its address and its CA, as an operator would give them.
tell_of_vault() {
  forget_address
  printf "VAULT_ADDR='https://10.77.0.10:8200'\n" >>"$credentials/platform.env"
  printf "VAULT_KUBERNETES_URL='https://10.77.0.11:6443'\n" | install -m 600 /dev/stdin "$credentials/14_vault.env"
  install -m 600 "$vault_folder/ca.crt" "$credentials/platform.vault.ca"
}

forget_address() {
  sed -i '/^VAULT_/d' "$credentials/platform.env"
  rm -f "$credentials/platform.vault.ca"
}

# bao WORDS...: OpenBao's own program on its machine, as root of it.
bao() {
  in_backend "export BAO_ADDR=https://10.77.0.10:8200 BAO_CACERT=/etc/practice-vault/ca.crt BAO_TOKEN='$(cat "$vault_folder/root-token" 2>/dev/null)'; bao $*"
}

# start_vault: a new one, initialised and unsealed, with a KV engine at kv.
start_vault() {
  local image answers
  image=$(tests/practice/images/build vault)
  tar -xOf "$image" layer.tar | tar -xO ./bin/bao | on backend-01 'cat >/usr/local/bin/bao && chmod 755 /usr/local/bin/bao'
  (
    cd "$vault_folder" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj '/CN=practice Vault CA'
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=vault
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
      -extfile <(echo subjectAltName=IP:10.77.0.10)
  ) 2>/dev/null
  tar -C "$vault_folder" -c ca.crt server.crt server.key |
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
CONFIG'
  run_vault
  for _ in {1..30}; do
    answers=$(bao operator init -key-shares=1 -key-threshold=1 -format=json 2>/dev/null) && break
    sleep 1
  done
  (umask 077 && node -p 'JSON.parse(process.argv[1]).root_token' "$answers" >"$vault_folder/root-token" &&
    node -p 'JSON.parse(process.argv[1]).unseal_keys_b64[0]' "$answers" >"$vault_folder/unseal-key")
  unseal
  bao secrets enable -version=2 -path=kv kv
}

# run_vault: with what its folder has; it begins sealed. stop_vault: only the program.
run_vault() { in_backend 'systemd-run --quiet --unit practice-vault /usr/local/bin/bao server -config=/etc/practice-vault/server.hcl'; }
stop_vault() { in_backend 'systemctl stop practice-vault'; }

# health_of_vault: the status it answers; 000 while it does not.
health_of_vault() {
  curl --silent --insecure --max-time 5 -o /dev/null -w '%{http_code}' https://10.77.0.10:8200/v1/sys/health
}

# end_vault: and everything of it.
end_vault() {
  in_backend 'if systemctl is-active --quiet practice-vault; then systemctl stop practice-vault; fi
    rm -rf /etc/practice-vault /var/lib/practice-vault /usr/local/bin/bao'
}

# unseal: once it answers, and waits until it is active.
unseal() {
  for _ in {1..30}; do
    [[ $(health_of_vault) == 000 ]] || break
    sleep 1
  done
  bao operator unseal "$(cat "$vault_folder/unseal-key")" >/dev/null
  for _ in {1..30}; do
    [[ $(health_of_vault) != 200 ]] || return 0
    sleep 1
  done
  return 1
}
