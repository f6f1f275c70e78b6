# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# A real S3 server, VersityGW, beside PostgreSQL. The kit uses it only when it is told to: see s3_settings.

readonly s3_port=7070
readonly s3_bucket=keybuzz-chatwoot-practice

# find_s3: the program, built when it is not in the cache. Sets s3_program.
find_s3() {
  s3_program=$("$here/s3/build") || fail 'the S3 server could not be built' 'look at its lines above; it needs Go, and the network once'
}

s3_unit() {
  cat <<UNIT
[Unit]
Description=S3 server of the practice platform
After=network.target

[Install]
WantedBy=multi-user.target

[Service]
DynamicUser=yes
StateDirectory=versitygw versitygw/iam versitygw/data
EnvironmentFile=/etc/practice-s3/server.env
ExecStart=/usr/local/bin/versitygw posix /var/lib/versitygw/data
Restart=always
RestartSec=1s
UNIT
}

# s3_environment: accounts live in a file of its own; a change of one counts at once.
s3_environment() {
  printf '%s\n' ROOT_ACCESS_KEY_ID=admin "ROOT_SECRET_ACCESS_KEY=$(secret s3-admin)" "VGW_PORT=${address[$backend]}:$s3_port" \
    VGW_IAM_DIR=/var/lib/versitygw/iam VGW_IAM_CACHE_DISABLE=true VGW_QUIET=true
}

# s3_request_text: s3-request USER METHOD PATH [CURL WORDS...] on the backend machine: a request signed as USER, whose
# secret is in /etc/practice-s3/USER; its body is standard input. Prints the answer; fails when that is no success.
s3_request_text() {
  cat <<REQUEST
#!/bin/bash
set -euo pipefail
body=\$(mktemp)
trap 'rm -f "\$body"' EXIT
cat >"\$body"
read -r sum _ < <(sha256sum "\$body")
# Standard input carries the secret: argv is public.
curl --silent --show-error --fail-with-body --max-time 10 --config - --aws-sigv4 aws:amz:us-east-1:s3 \\
  --header "x-amz-content-sha256: \$sum" --data-binary "@\$body" --request "\$2" "\${@:4}" \\
  "http://${address[$backend]}:$s3_port\$3" <<<"user = \"\$1:\$(</etc/practice-s3/\$1)\""
REQUEST
}

# s3_settings: what the kit wants to hear when it shall use this server.
s3_settings() {
  printf "%s='%s'\n" S3_ENDPOINT "http://${address[$backend]}:$s3_port" S3_ACCESS_KEY keybuzz S3_SECRET_KEY "$(secret s3)"
}

ensure_s3() {
  local recipe mark=$machine_folders/$backend/s3
  recipe=$(printf '%s\n' "$s3_program" "$(s3_unit)" "$(s3_environment)" "$(s3_request_text)" | sha256sum)
  if [[ $(cat "$mark" 2>/dev/null || true) == "$recipe" ]] && s3_answers; then return; fi
  timed "S3 on $backend" start_s3
  printf '%s\n' "$recipe" | write_file "$mark" 0600
}

start_s3() {
  put "$backend" /usr/local/bin/versitygw 0755 <"$s3_program"
  s3_unit | put "$backend" /etc/systemd/system/versitygw.service 0644
  s3_environment | put "$backend" /etc/practice-s3/server.env 0600
  secret s3-admin | put "$backend" /etc/practice-s3/admin 0600
  secret s3 | put "$backend" /etc/practice-s3/keybuzz 0600
  s3_request_text | put "$backend" /usr/local/bin/s3-request 0755
  inside "$backend" systemctl daemon-reload
  inside "$backend" systemctl enable --quiet versitygw
  inside "$backend" systemctl restart versitygw
  until_true 30 s3_lists admin / ||
    fail "S3 on $backend does not start" "tests/practice/practice ssh $backend journalctl -u versitygw"
  # There already after a restart.
  s3_lists keybuzz / || s3_as_admin /create-user <<<"<Account><Access>keybuzz</Access><Secret>$(secret s3)</Secret><Role>user</Role></Account>"
  s3_answers || s3_as_admin "/$s3_bucket/create" --header 'x-vgw-owner: keybuzz' </dev/null
  until_true 5 s3_answers || fail "S3 on $backend refuses keybuzz" "tests/practice/practice ssh $backend journalctl -u versitygw"
}

s3_as_admin() { inside "$backend" s3-request admin PATCH "$@"; }

# s3_lists USER PATH: whether the server lets USER see what is there.
s3_lists() { inside "$backend" s3-request "$1" GET "$2" </dev/null >/dev/null 2>&1; }

s3_answers() { s3_lists keybuzz "/$s3_bucket"; }
