#!/usr/bin/env bats
# Module 11 with S3, on the platform's real S3 server: what it refuses, each told apart, and two pods of each process.
# With the contract server in place of Chatwoot. About 80 s on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  load chatwoot
  forget_chatwoot
  ensure_ground
}

teardown_file() {
  load helper
  load chatwoot
  forget_user
  forget_policy
  forget_chatwoot
}

setup() {
  load helper
  load chatwoot
}

teardown() { explain_failure chatwoot-practice; }

readonly bucket=keybuzz-chatwoot-practice

# with_s3 [SED]: the settings as the platform gives them, or changed; what another test gave with --set was saved.
with_s3() {
  rm -f "$credentials/11_chatwoot.env"
  sed -i '/^S3_/d' "$credentials/platform.env"
  sed -E "${1:-}" "$credentials/s3.settings" >>"$credentials/platform.env"
}

# s3 USER METHOD PATH [BODY]: a request signed as USER.
s3() { in_backend "s3-request $1 $2 '$3' <<<'${4:-}'"; }

# make_user: a user that owns nothing, with a secret of its own.
make_user() {
  in_backend 'umask 077
    head -c 12 /dev/urandom | sha256sum | cut -c1-24 >/etc/practice-s3/guest
    s3-request admin PATCH /create-user <<<"<Account><Access>guest</Access><Secret>$(</etc/practice-s3/guest)</Secret><Role>user</Role></Account>"'
}

forget_user() { in_backend 'if [[ -e /etc/practice-s3/guest ]]; then s3-request admin PATCH "/delete-user?access=guest" </dev/null; rm /etc/practice-s3/guest; fi'; }

# policy EFFECT USER ACTION...: of the bucket.
policy() {
  local actions
  actions=$(printf ',"s3:%s"' "${@:3}")
  s3 admin PUT "/$bucket?policy=" "{\"Statement\":[{\"Effect\":\"$1\",\"Principal\":{\"AWS\":[\"$2\"]},\"Action\":[${actions#,}],\"Resource\":[\"arn:aws:s3:::$bucket\",\"arn:aws:s3:::$bucket/*\"]}]}"
}

forget_policy() { s3 admin DELETE "/$bucket?policy="; }

# as_guest: the kit with that user's key.
as_guest() {
  with_s3 '/^S3_(ACCESS|SECRET)_KEY=/d'
  printf "%s='%s'\n" S3_ACCESS_KEY guest S3_SECRET_KEY "$(in_backend 'cat /etc/practice-s3/guest')" >>"$credentials/platform.env"
}

# left_by_kit: objects of its own.
left_by_kit() { s3 admin GET "/$bucket" | grep -oE 'keybuzz-check-[0-9a-f-]+' | sort -u; }

# refused CODE TEXT [FLAG...]: an install ends with CODE and says TEXT, before any write.
refused() {
  run chatwoot "${@:3}"
  assert_equal "$status" "$1"
  assert_output --partial "$2"
  nothing_written
}

@test "S3 that nobody answers: exit 6" {
  with_s3 's/:7070/:9/'
  refused 6 'S3 http://10.77.0.10:9 cannot be reached'
}

@test "a wrong secret key: exit 8" {
  with_s3 "s/^(S3_SECRET_KEY)=.*/\1='Another-key-1'/"
  refused 8 'refuses the secret key: SignatureDoesNotMatch'
  refute_output --partial 'Another-key-1'
}

@test "an access key nobody has: exit 8" {
  with_s3 "s/^(S3_ACCESS_KEY)=.*/\1='nobody'/"
  refused 8 'does not know the access key: InvalidAccessKeyId'
}

@test "another region than the server's: exit 8" {
  with_s3
  refused 8 'S3_REGION must be the server’s own' --set S3_REGION=eu-west-3
}

@test "a bucket that does not exist: exit 3" {
  with_s3
  refused 3 'has no bucket keybuzz-absent' --set CHATWOOT_S3_BUCKET=keybuzz-absent
}

@test "a key without any right to the bucket, then one that may read only: exit 8" {
  make_user
  as_guest
  refused 8 "this key may not write into bucket $bucket"
  policy Allow guest GetObject ListBucket
  run -0 s3 guest GET "/$bucket"
  refused 8 "this key may not write into bucket $bucket"
}

@test "a key that may write and not delete: exit 8" {
  policy Allow guest GetObject ListBucket PutObject
  refused 8 "this key may not delete from bucket $bucket"
  forget_user
  forget_policy
  # Nobody else could.
  for key in $(left_by_kit); do s3 admin DELETE "/$bucket/$key"; done
}

@test "with S3: two pods of each process, each with its autoscaler and budget; checks pass, and nothing stays in the bucket" {
  with_s3
  # Beside other modules: what two pods of each may open.
  run -0 chatwoot --set CHATWOOT_WEB_MAX=2 --set CHATWOOT_WORKERS_MAX=2
  assert_output --partial 'checks passed'
  assert_equal "$(kubectl get deployments --namespace chatwoot-practice -o 'jsonpath={range .items[*]}{.metadata.name} {.status.readyReplicas}{"\n"}{end}')" $'chatwoot-web 2\nchatwoot-worker 2'
  run -0 of_chatwoot horizontalpodautoscalers,poddisruptionbudgets
  assert_equal "${#lines[@]}" 4
  run -0 grep 'chatwoot.storage' validation/practice/MODULE11_VALIDATION.md
  assert_output --partial "$bucket, in"
  run -0 grep 'chatwoot.spread' validation/practice/MODULE11_VALIDATION.md
  assert_output --partial 'web on 2, worker on 2'
  run left_by_kit
  assert_output ''
}

@test "the secret key stands in the Secret alone, and in no argument of the pods" {
  sed -nE "s/^S3_SECRET_KEY='(.*)'$/\1/p" "$credentials/s3.settings" >"$BATS_TEST_TMPDIR/secret"
  assert [ -s "$BATS_TEST_TMPDIR/secret" ]
  run -0 kubectl get deployments,jobs,configmaps --namespace chatwoot-practice -o json
  assert_output --partial 'chatwoot-worker'
  assert_equal "$(grep -cFf "$BATS_TEST_TMPDIR/secret" <<<"$output")" 0
}

@test "a second run sends nothing" {
  sends_nothing
}

@test "a right taken away later: the check of the bucket fails, exit 10; given back, it passes" {
  policy Deny keybuzz PutObject
  run kit --module 11 --verify
  forget_policy
  assert_equal "$status" 10
  assert_output --partial '(chatwoot.storage)'
  assert_output --partial "may not write into bucket $bucket"
  run -0 kit --module 11 --verify
}

@test "uninstall deletes autoscalers and budgets too, and keeps the bucket and what is in it" {
  s3 keybuzz PUT "/$bucket/attachment" 'a file'
  run -0 kit --module 11 --uninstall --confirm chatwoot
  assert_output --partial "S3 bucket $bucket: attachments"
  run -0 of_chatwoot jobs,deployments,secrets,ingresses,horizontalpodautoscalers,poddisruptionbudgets
  assert_output ''
  run -0 s3 keybuzz GET "/$bucket/attachment"
  assert_output 'a file'
  s3 keybuzz DELETE "/$bucket/attachment"
}
