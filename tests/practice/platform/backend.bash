# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# PostgreSQL, Redis and RabbitMQ, as the kit finds them with an operator: outside the cluster, with passwords.

readonly superuser=kb_admin

# furnish_backend UPPER LOWER: their settings, before the machine's first boot.
furnish_backend() {
  local upper=$1 lower=$2 path
  empty_vector "$upper/usr/share/postgresql/15/extension"
  mkdir -p "$upper/etc/postgresql/15/main/conf.d" "$upper/etc/redis" "$upper/etc/rabbitmq"
  postgres_settings >"$upper/etc/postgresql/15/main/conf.d/practice.conf"
  postgres_logins >"$upper/etc/postgresql/15/main/pg_hba.conf"
  redis_settings >"$upper/etc/redis/redis.conf"
  rabbitmq_settings >"$upper/etc/rabbitmq/rabbitmq.conf"
  # What covers a file or folder of the root keeps its owner and mode.
  for path in etc/postgresql{,/15{,/main{,/conf.d,/pg_hba.conf}}} etc/redis{,/redis.conf} etc/rabbitmq; do
    chown --reference="$lower/$path" "$upper/$path"
    chmod --reference="$lower/$path" "$upper/$path"
  done
}

# empty_vector FOLDER: Debian 12 has no package of pgvector. An extension of that name, without anything in it, is enough
# for stand-ins; where it is taken away, a server without pgvector is met.
empty_vector() {
  mkdir -p "$1"
  printf '%s\n' "comment = 'empty: stands in for pgvector'" "default_version = '0'" >"$1/vector.control"
  printf -- '-- nothing\n' >"$1/vector--0.sql"
}

postgres_settings() {
  printf '%s\n' "listen_addresses = '${address[$backend]}, localhost'" 'max_connections = 300' \
    "password_encryption = 'scram-sha-256'"
}

# Machines, and pods: those keep their own address towards the backend when no node stands in for it.
postgres_logins() {
  printf '%-8s%-8s%-12s%-16s%s\n' \
    local all postgres '' peer \
    host all all 127.0.0.1/32 scram-sha-256 \
    host all all 10.77.0.0/24 scram-sha-256 \
    host all all 10.42.0.0/16 scram-sha-256
}

redis_settings() {
  printf '%s\n' "bind ${address[$backend]} 127.0.0.1" 'port 6379' "requirepass $(secret redis)" \
    'maxmemory-policy noeviction' 'dir /var/lib/redis' 'logfile /var/log/redis/redis-server.log' 'save 60 1'
}

# The user is made at the first start.
rabbitmq_settings() {
  printf '%s\n' "listeners.tcp.1 = ${address[$backend]}:5672" 'default_user = keybuzz' \
    "default_pass = $(secret rabbitmq)" 'vm_memory_high_watermark.absolute = 256MB' 'disk_free_limit.absolute = 50MB'
}

ensure_backend() {
  if ! backend_answers; then timed "PostgreSQL 15, Redis 7 and RabbitMQ 3 on $backend" start_backend; fi
}

start_backend() {
  inside "$backend" systemctl start postgresql redis-server rabbitmq-server
  until_true 30 inside "$backend" runuser -u postgres -- psql -qXc '' ||
    fail "PostgreSQL on $backend does not start" "tests/practice/practice ssh $backend journalctl -u postgresql@15-main"
  make_superuser
  until_true 30 backend_answers ||
    fail "a service on $backend refuses a login" "tests/practice/practice ssh $backend systemctl status redis-server rabbitmq-server"
}

# The password goes by standard input: argv is public.
make_superuser() {
  inside "$backend" runuser -u postgres -- psql -qX -v ON_ERROR_STOP=1 <<SQL
SET client_min_messages = warning;
DO \$\$ BEGIN
  CREATE ROLE $superuser;
EXCEPTION WHEN duplicate_object THEN NULL;
END \$\$;
ALTER ROLE $superuser SUPERUSER LOGIN PASSWORD '$(secret postgres)';
SQL
}

# backend_answers: on the address the pods use; PostgreSQL and Redis let in who has the password.
backend_answers() {
  inside "$backend" bash -s >/dev/null 2>&1 <<SCRIPT
set -e
export PGPASSWORD='$(secret postgres)' REDISCLI_AUTH='$(secret redis)' PGCONNECT_TIMEOUT=3
psql -qXh ${address[$backend]} -U $superuser -d postgres -c ''
[[ \$(timeout 3 redis-cli -h ${address[$backend]} ping) == PONG ]]
printf 'AMQP\\0\\0\\11\\1' >/dev/tcp/${address[$backend]}/5672
SCRIPT
}
