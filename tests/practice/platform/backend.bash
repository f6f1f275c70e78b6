# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# PostgreSQL and Redis, as the kit finds them with an operator: outside the cluster, with passwords.

readonly superuser=kb_admin

# furnish_backend UPPER LOWER: their settings, before the machine's first boot.
furnish_backend() {
  local upper=$1 lower=$2 path
  mkdir -p "$upper/etc/postgresql/15/main/conf.d" "$upper/etc/redis"
  postgres_settings >"$upper/etc/postgresql/15/main/conf.d/practice.conf"
  postgres_logins >"$upper/etc/postgresql/15/main/pg_hba.conf"
  redis_settings >"$upper/etc/redis/redis.conf"
  # What covers a file or folder of the root keeps its owner and mode.
  for path in etc/postgresql{,/15{,/main{,/conf.d,/pg_hba.conf}}} etc/redis{,/redis.conf}; do
    chown --reference="$lower/$path" "$upper/$path"
    chmod --reference="$lower/$path" "$upper/$path"
  done
}

postgres_settings() {
  printf '%s\n' "listen_addresses = '${address[$backend]}, localhost'" 'max_connections = 200' \
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

ensure_backend() {
  if ! backend_answers; then timed "PostgreSQL 15 and Redis 7 on $backend" start_backend; fi
}

start_backend() {
  inside "$backend" systemctl start postgresql redis-server
  until_true 30 inside "$backend" runuser -u postgres -- psql -qXc '' ||
    fail "PostgreSQL on $backend does not start" "tests/practice/practice ssh $backend journalctl -u postgresql@15-main"
  make_superuser
  until_true 30 backend_answers ||
    fail "PostgreSQL or Redis on $backend refuses a login" "tests/practice/practice ssh $backend systemctl status redis-server"
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

# backend_answers: both let in who has the password, on the address the pods use.
backend_answers() {
  inside "$backend" bash -s >/dev/null 2>&1 <<SCRIPT
set -e
export PGPASSWORD='$(secret postgres)' REDISCLI_AUTH='$(secret redis)' PGCONNECT_TIMEOUT=3
psql -qXh ${address[$backend]} -U $superuser -d postgres -c ''
[[ \$(timeout 3 redis-cli -h ${address[$backend]} ping) == PONG ]]
SCRIPT
}
