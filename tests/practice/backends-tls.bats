#!/usr/bin/env bats
# PostgreSQL, Redis and RabbitMQ by TLS, with a CA made here: what the kit verifies, and what pods are given.

setup_file() {
  load helper
  rm -rf credentials/cipher
  cp -rp "$credentials" credentials/cipher
  rm -f credentials/cipher/10_keybuzz.* credentials/cipher/cluster.env
  ensure_ground
  make_authority "$BATS_FILE_TMPDIR/ours" 10.77.0.10
  make_authority "$BATS_FILE_TMPDIR/foreign" 10.77.0.10
  switch_tls_on "$BATS_FILE_TMPDIR/ours"
}

teardown_file() {
  load helper
  switch_tls_off
  kubectl delete namespace keybuzz-cipher --ignore-not-found --timeout=180s
  sql 'DROP DATABASE IF EXISTS keybuzz_cipher WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS keybuzz_cipher'
  redis_command -n 9 FLUSHDB
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=10_keybuzz,keybuzz.io/env=cipher --ignore-not-found
  rm -rf {credentials,logs,validation}/cipher
}

setup() { load helper; }

teardown() { explain_failure keybuzz-cipher; }

# switch_tls_on FOLDER: PostgreSQL takes both, Redis on port 6380, RabbitMQ on 5671.
switch_tls_on() {
  in_backend "set -e
    mkdir -p /etc/backend-tls && cd /etc/backend-tls
    cat >server.key <<'KEY'
$(<"$1/server.key")
KEY
    cat >server.crt <<'CRT'
$(<"$1/server.crt")
CRT
    for service in postgres redis rabbitmq; do install -m 0600 -o \$service -g \$service server.key \$service.key; done
    chmod 0644 server.crt; rm server.key
    printf '%s\n' \"ssl = on\" \"ssl_cert_file = '/etc/backend-tls/server.crt'\" \"ssl_key_file = '/etc/backend-tls/postgres.key'\" >/etc/postgresql/15/main/conf.d/tls.conf
    printf '%s\n' 'tls-port 6380' 'tls-cert-file /etc/backend-tls/server.crt' 'tls-key-file /etc/backend-tls/redis.key' 'tls-auth-clients no' >>/etc/redis/redis.conf
    printf '%s\n' 'listeners.ssl.1 = 10.77.0.10:5671' 'ssl_options.certfile = /etc/backend-tls/server.crt' 'ssl_options.keyfile = /etc/backend-tls/rabbitmq.key' >>/etc/rabbitmq/rabbitmq.conf
    systemctl restart postgresql redis-server rabbitmq-server"
  until_answers
}

switch_tls_off() {
  in_backend "rm -rf /etc/postgresql/15/main/conf.d/tls.conf /etc/backend-tls
    sed -i '/^tls-/d' /etc/redis/redis.conf
    sed -i '/ssl/d' /etc/rabbitmq/rabbitmq.conf
    systemctl restart postgresql redis-server rabbitmq-server"
  until_answers
}

until_answers() {
  in_backend 'for try in $(seq 60); do
      rabbitmqctl status >/dev/null 2>&1 && runuser -u postgres -- psql -qXc "" && exit 0
      sleep 1
    done; exit 1'
}

# encrypted MODE: the settings of all three, by their TLS ports.
encrypted() {
  scripts/10_keybuzz/10_keybuzz_00_setup_credentials.mts --env cipher --set API_REDIS_DB=9 \
    --set POSTGRES_TLS="$1" --set REDIS_TLS="$1" --set REDIS_PORT=6380 --set RABBITMQ_TLS="$1" --set RABBITMQ_PORT=5671
}

# trust NAME: the CA of that folder, for all three.
trust() {
  local backend
  for backend in postgres redis rabbitmq; do
    install -m 0600 "$BATS_FILE_TMPDIR/$1/ca.crt" "credentials/cipher/platform.$backend.ca"
  done
}

deploy() { scripts/10_keybuzz/10_keybuzz_01_deploy_api.mts --env cipher "$@"; }

# bats test_tags=long
@test "verify takes what our CA has signed; nothing is said to be unencrypted" {
  trust ours
  run -0 encrypted verify
  run -4 deploy --plan
  refute_output --partial 'is not encrypted'
}

# bats test_tags=long
@test "a foreign CA is exit 7, for each of the three" {
  local backend
  for backend in postgres redis rabbitmq; do
    trust ours
    install -m 0600 "$BATS_FILE_TMPDIR/foreign/ca.crt" "credentials/cipher/platform.$backend.ca"
    run -7 deploy --plan
    assert_output --partial 'is not proven by its CA'
  done
  trust ours
}

# bats test_tags=long
@test "a port without TLS under require is exit 7" {
  with_setting credentials/cipher/platform.env REDIS_PORT 6379 deploy --plan
  assert_equal "$status" 7
  assert_output --partial 'does not speak TLS'
  with_setting credentials/cipher/platform.env RABBITMQ_PORT 5672 deploy --plan
  assert_equal "$status" 7
}

# bats test_tags=long
@test "the API's pods verify all three by the CA they are given" {
  run -0 deploy
  run -0 kubectl get pods --namespace keybuzz-cipher --selector app.kubernetes.io/component=api \
    -o 'jsonpath={range .items[*]}{.status.containerStatuses[0].ready}{"\n"}{end}'
  refute_line false
  run -0 sql "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'keybuzz_cipher'"
  assert_output t
}
