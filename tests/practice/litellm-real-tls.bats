#!/usr/bin/env bats
# The real LiteLLM with POSTGRES_TLS and REDIS_TLS, in a sealed machine of this computer (sealed/) whose PostgreSQL and
# Redis take encrypted connections alone: it works by the CA that the kit gives its pods, and by no other.
# Prisma's own connections are not met here: its engine is in no package. What LiteLLM tells it is.
# bats file_tags=long

setup_file() {
  load helper
  load sealed/machine
  ensure_sealed
  machine_up litellm verify
}

setup() {
  load helper
  load sealed/machine
}

teardown() { explain_sealed; }

teardown_file() {
  load helper
  load sealed/machine
  machine_down
}

# log_of POD
log_of() { cat "$SEALED_MACHINE/pods/$1/log"; }

# next_minute: a limit is counted by the minutes of the clock, and this one's may be used up.
next_minute() { sleep $((61 - 10#$(date +%S))); }

# prisma_of POD: a program in place of Prisma's, which shows the query of the address it is given, and fails.
prisma_of() {
  local file=$SEALED_MACHINE/pods/$1/files/app/.cache/prisma-python/binaries/node_modules/.bin/prisma
  mkdir -p "${file%/*}"
  # shellcheck disable=SC2016  # the shell in the pod expands it
  printf '%s\n' '#!/bin/sh' 'echo "told: ${DATABASE_URL#*\?}" >&2' 'exit 1' >"$file"
  chmod 755 "$file"
}

@test "a limit is counted over both proxies on a Redis that they verify" {
  pod start checks
  pod start proxy-1
  pod start proxy-2
  until_ready checks proxy-1 proxy-2
  run -0 check litellm.limits
  assert_output --regexp '[1-3] of 6 answered, [3-5] refused, on two pods'
  run -0 redis proxy-1 -n 10 --scan --pattern '*keybuzz-check-limited*'
  assert_output --regexp 'rpm'
}

@test "a Redis of another CA or name is refused: limits are then counted per proxy, which the check says, and the log why" {
  pod stop proxy-2
  trust proxy-2 REDIS foreign
  pod start proxy-2
  until_ready proxy-2
  next_minute
  run -1 check litellm.limits
  assert_output --regexp 'failed litellm.limits: [4-6] of 6 answered: limits are counted per pod: Redis is not reached'
  run -0 explain proxy-2
  assert_output --partial 'not signed by the CA that the pods have'
  pod stop proxy-2
  spoiled proxy-named proxy-1 13
  knows_other_name proxy-named
  sed -i 's/^    host: 10\.42\.0\.1$/    host: other-name/' "$SEALED_MACHINE/pods/proxy-named/files/etc/litellm/config.yaml"
  pod start proxy-named
  until_ready proxy-named
  next_minute
  run -1 check litellm.limits
  until_logged proxy-named "certificate is not valid for 'other-name'"
  pod stop proxy-named
}

@test "Job migrate logs in to a PostgreSQL it verifies, and tells Prisma to verify, by the CA of the pod" {
  prisma_of migrate
  run -2 pod run migrate
  run -0 log_of migrate
  assert_output --partial 'Acquired the Prisma migration lock'
  assert_output --regexp 'told: sslmode=require&.*sslcert=%2Fetc%2Fkeybuzz%2Fbackends%2FPOSTGRES_CA&sslaccept=strict'
}

@test "a PostgreSQL of another CA or name it refuses, and the kit says why" {
  spoiled migrate-foreign migrate 43
  trust migrate-foreign POSTGRES foreign
  run -2 pod run migrate-foreign
  run -0 log_of migrate-foreign
  assert_output --partial 'certificate verify failed'
  run -0 explain migrate-foreign
  assert_output --partial 'not signed by the CA that the pods have'
  spoiled migrate-named migrate 44
  knows_other_name migrate-named
  tell migrate-named DATABASE_HOST other-name:5432
  run -2 pod run migrate-named
  run -0 log_of migrate-named
  assert_output --partial 'does not match host name "other-name"'
  run -0 explain migrate-named
  assert_output --partial 'or is for another name'
}

@test "require: whoever answers is taken, encrypted" {
  pod stop proxy-1
  pod stop checks
  lay_anew require
  pod start checks
  pod start proxy-1
  pod start proxy-2
  until_ready checks proxy-1 proxy-2
  run -0 check litellm.limits
  prisma_of migrate
  run -2 pod run migrate
  run -0 log_of migrate
  assert_output --partial 'Acquired the Prisma migration lock'
  assert_output --partial 'told: sslmode=require&'
  refute_output --partial 'sslaccept=strict'
}
