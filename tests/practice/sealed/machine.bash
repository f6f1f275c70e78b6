# shellcheck shell=bash disable=SC2154  # helper.bash, which is loaded before, names the places
# A machine with no link to anywhere: network, processes and mounts of its own on this computer. In it PostgreSQL and
# Redis of Debian, an ingress, and pods of a module as processes. For the files that need no platform.
# shellcheck source=tests/tools.bash
source "$root/tests/tools.bash"
sealed=tests/practice/sealed

# python_of NAME: prints the folder of a virtual environment with what NAME.txt names, each by its checksum. Made once, by
# Debian's Python, and kept in the cache under the name of both.
python_of() {
  local list=$root/$sealed/python/$1.txt folder work code=0
  folder=${KEYBUZZ_PRACTICE_CACHE:-$HOME/.cache/keybuzz-practice}/python/$1-$( (cat "$list" && /usr/bin/python3 --version) | sha256sum | cut -c1-16)
  if [[ ! -x $folder/bin/python ]]; then
    echo "  … pip install of $(grep -c == "$list") packages ($1, once)" >&2
    mkdir -p "${folder%/*}"
    work=$(mktemp -d "${folder%/*}/.work.XXXXXX")
    (
      /usr/bin/python3 -m venv "$work/made" >&2 &&
        "$work/made/bin/pip" install --quiet --no-cache-dir --no-deps --require-hashes --disable-pip-version-check -r "$list" >&2 &&
        # It lies at /app/.venv in a pod.
        find "$work/made/bin" -type f -exec sed -i '1s|^#!.*/bin/python[0-9.]*$|#!/app/.venv/bin/python|' {} +
    ) || code=$?
    # Whoever comes second keeps what the first one made.
    ((code != 0)) || mv -T "$work/made" "$folder" 2>/dev/null || [[ -x $folder/bin/python ]] || code=1
    rm -rf "$work"
  fi
  echo "$folder"
  return "$code"
}

# ensure_sealed: what the machine is made of.
ensure_sealed() {
  ensure_programs redis-server=redis-server pg_ctlcluster=postgresql ip=iproute2 nsenter=util-linux openssl=openssl
  # It brings no program of its own.
  /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || ensure_programs no-ensurepip=python3-venv
}

# machine_up MODULE [TLS]: the machine, with the pods of superset.mts or litellm.mts laid ready; none runs yet. With a word
# of POSTGRES_TLS and REDIS_TLS, both servers take encrypted connections alone, by a certificate of a CA made here.
machine_up() {
  SEALED_MODULE=$1 SEALED_TLS=${2:-off}
  SEALED_MACHINE=$(mktemp -d /tmp/keybuzz-sealed.XXXXXX)
  export SEALED_MACHINE SEALED_MODULE SEALED_TLS
  chmod 755 "$SEALED_MACHINE"
  if [[ $SEALED_TLS != off ]]; then
    make_authority "$SEALED_MACHINE/tls/ours" 10.42.0.1
    make_authority "$SEALED_MACHINE/tls/foreign" 10.42.0.1
  fi
  # shellcheck disable=SC2016  # the shell in there expands it
  unshare --net --mount --pid --fork --mount-proc --kill-child bash -c '
    ip link set lo up && ip link add br0 type bridge && ip address add 10.42.0.1/24 dev br0 && ip link set br0 up
    touch "$SEALED_MACHINE/up"; sleep infinity & wait' >/dev/null 2>&1 3>&- &
  echo $! >"$SEALED_MACHINE/holder"
  disown
  for _ in {1..100}; do [[ ! -e $SEALED_MACHINE/up ]] || break; sleep 0.1; done
  bin/ts "$sealed/$1.mts" render "$(python_of "$1")"
  postgres_up
  redis_up
  inside "$root/bin/ts" "$root/$sealed/ingress.mts" >"$SEALED_MACHINE/ingress.log" 2>&1 3>&- &
  words backends
}

redis_up() { inside redis-server "$SEALED_MACHINE/redis.conf" >>"$SEALED_MACHINE/redis.log" 2>&1 3>&- & }

postgres_up() {
  local programs=(/usr/lib/postgresql/*/bin) data=$SEALED_MACHINE/postgres
  local as=(setpriv --reuid=postgres --regid=postgres --clear-groups) tls=() kind=host
  install -d -o postgres -m 700 "$data"
  chown postgres "$SEALED_MACHINE/password"
  "${as[@]}" "${programs[-1]}/initdb" -D "$data" -U admin --pwfile="$SEALED_MACHINE/password" -A scram-sha-256 -N >/dev/null
  if [[ $SEALED_TLS != off ]]; then
    install -o postgres -m 600 "$SEALED_MACHINE/tls/ours/server.key" "$data/"
    install -o postgres "$SEALED_MACHINE/tls/ours/server.crt" "$data/"
    tls=(-c ssl=on) kind=hostssl
  fi
  echo "$kind all all 10.42.0.0/24 scram-sha-256" >>"$data/pg_hba.conf"
  inside "${as[@]}" "${programs[-1]}/postgres" -D "$data" -c listen_addresses=10.42.0.1 -c unix_socket_directories= \
    -c fsync=off -c max_connections=300 "${tls[@]}" >"$SEALED_MACHINE/postgres.log" 2>&1 3>&- &
}

# machine_down: everything in it ends with the process that holds it, and nothing stays.
machine_down() {
  local holder
  [[ -n ${SEALED_MACHINE:-} ]] || return 0
  holder=$(<"$SEALED_MACHINE/holder")
  [[ ! -e /proc/$holder ]] || kill -KILL "$holder"
  while [[ -e /proc/$holder ]]; do sleep 0.1; done
  rm -rf --one-file-system "$SEALED_MACHINE"
}

# inside COMMAND...: in the machine.
inside() {
  local of
  of=/proc/$(<"$SEALED_MACHINE/holder")/ns
  nsenter --net="$of/net" --mount="$of/mnt" --pid="$of/pid_for_children" "$@"
}

# variable POD NAME: what a pod is told, out of its manifest and its Secrets.
variable() { tr '\0' '\n' <"$SEALED_MACHINE/pods/$1/env" | sed -n "s/^$2=//p"; }

# words WORD...: a word of superset.mts or litellm.mts, said in the machine.
words() { inside "$root/bin/ts" "$root/$sealed/$SEALED_MODULE.mts" "$@"; }

# redis POD WORDS...: with the password of that pod, which travels in the environment.
redis() {
  local tls=()
  [[ $SEALED_TLS == off ]] || tls=(-p 6380 --tls --cacert "$SEALED_MACHINE/tls/ours/ca.crt")
  REDISCLI_AUTH=$(variable "$1" REDIS_PASSWORD) inside redis-cli -h 10.42.0.1 "${tls[@]}" "${@:2}"
}

# lay_anew TLS: every pod anew, with that word of POSTGRES_TLS and REDIS_TLS; none of them runs. The servers stay.
lay_anew() { SEALED_TLS=$1 bin/ts "$sealed/$SEALED_MODULE.mts" render "$(python_of "$SEALED_MODULE")"; }

# trust POD BACKEND FOLDER: the CA the pod is given for POSTGRES or REDIS is that of tls/FOLDER, before it starts.
trust() { cp "$SEALED_MACHINE/tls/$3/ca.crt" "$SEALED_MACHINE/pods/$1/files/etc/keybuzz/backends/${2}_CA"; }

# spoiled NAME LIKE LAST: another pod like one that is laid, at 10.42.0.LAST, for a test to change before it starts.
spoiled() { bin/ts "$sealed/$SEALED_MODULE.mts" like "$@"; }

# probe POD KIND: `passes` or `fails`: a probe of its manifest, asked once.
probe() { words probe "$@"; }

pod() { inside "$root/$sealed/pod" "$@"; }

# check ID...: the kit's own checks against the pods that run.
check() { words check "$@"; }

# tell POD NAME VALUE: another value of a variable, before it starts.
tell() { sed -i -z "s/^$2=.*/$2=$3/" "$SEALED_MACHINE/pods/$1/env"; }

# knows_other_name POD: its DNS knows the machine as other-name, for which no certificate is.
knows_other_name() { echo '10.42.0.1 other-name' >>"$SEALED_MACHINE/pods/$1/files/etc/hosts"; }

# kept POD: its log, as the kit writes it into its own.
kept() { words kept "$@"; }

# explain POD: what the kit says to the last lines of its log, and what to do next.
explain() { words explain "$@"; }

# until_ready NAME...: until the readiness and start-up probes of these pods pass, by their own manifests.
until_ready() { words ready "$@"; }

# until_logged POD WORDS: until its log has them; five minutes at most.
until_logged() {
  for _ in {1..600}; do
    if grep -qF "$2" "$SEALED_MACHINE/pods/$1/log" 2>/dev/null; then return; fi
    sleep 0.5
  done
  echo "the log of $1 has not: $2" && return 1
}

# explain_sealed: belongs into the teardown of every file: a test that failed says what the programs said last.
explain_sealed() {
  local log
  [[ -z ${BATS_TEST_COMPLETED:-} ]] || return 0
  for log in "$SEALED_MACHINE"/pods/*/log "$SEALED_MACHINE"/{postgres,redis,ingress}.log; do
    echo "--- ${log#"$SEALED_MACHINE/"}" && tail -n 12 "$log" | cut -c1-300
  done
} 2>&1
