# Settings: where they come from, what is refused, that nothing is lost or shown.
setup() {
  load helper
  make_kit
}

@test "12_n8n_00_setup_credentials: without a terminal everything missing is listed at once, exit 2" {
  run -2 --separate-stderr "$step_00" --env dev
  assert_regex "$stderr" '6 settings are missing for 12 n8n workflows \(dev\)'
  for key in DOMAIN OPERATOR_EMAIL POSTGRES_HOST POSTGRES_PASSWORD REDIS_HOST REDIS_PASSWORD; do
    assert_regex "$stderr" "KEYBUZZ_$key"
  done
  assert_regex "$stderr" 'POSTGRES_PASSWORD.*secret: not by --set'
  assert_equal "$(ls credentials/dev 2>/dev/null)" ''
}

@test "12_n8n_00_setup_credentials: completes, generates and saves each setting in its file, 0600" {
  complete_platform
  run -0 "$step_00" --env dev
  assert_output --partial 'credentials/dev/12_n8n.env'
  assert_equal "$(stat -c %a credentials/dev/12_n8n.env credentials/dev/platform.env | sort -u)" 600
  run -0 cat credentials/dev/12_n8n.env
  assert_line "N8N_HOST='n8n.dev.example.com'"
  assert_line --regexp "^N8N_ENCRYPTION_KEY='[0-9a-f]{64}'$"
  assert_line --regexp "^N8N_OWNER_PASSWORD='[A-Za-z0-9]{20}'$"
}

@test "12_n8n_00_setup_credentials: a second run changes no byte of what was generated" {
  complete_platform
  "$step_00" --env dev
  before=$(sha256sum credentials/dev/*.env)
  run -0 "$step_00" --env dev
  assert_equal "$(sha256sum credentials/dev/*.env)" "$before"
}

@test "settings: --set replaces a saved value and is saved" {
  complete_platform
  "$step_00" --env dev
  run -0 "$step_00" --env dev --set N8N_HOST=hooks.example.com
  run -0 cat credentials/dev/12_n8n.env
  assert_line "N8N_HOST='hooks.example.com'"
}

@test "settings: a secret on the command line is refused, exit 2, and not repeated" {
  complete_platform
  run -2 --separate-stderr "$step_00" --env dev --set REDIS_PASSWORD=canary-on-argv
  assert_regex "$stderr" 'REDIS_PASSWORD is a secret'
  refute_regex "$stderr" 'canary-on-argv'
}

@test "settings: an unknown key offers the nearest one, exit 2" {
  complete_platform
  run -2 --separate-stderr "$step_00" --env dev --set N8N_HOTS=x
  assert_regex "$stderr" 'did you mean N8N_HOST'
}

@test "settings: a wrong type or value names setting and file, exit 2, nothing written" {
  complete_platform
  before=$(sha256sum credentials/dev/*)
  run -2 --separate-stderr "$step_00" --env dev --set POSTGRES_PORT=abc --set N8N_WORKERS_MAX=1
  assert_regex "$stderr" 'POSTGRES_PORT "abc" must be a whole number'
  assert_regex "$stderr" 'N8N_WORKERS_MAX "1" must be from 2 to 50'
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

@test "settings: a variable fills a gap" {
  complete_platform
  sed -i '/REDIS_PASSWORD/d' credentials/dev/platform.env
  KEYBUZZ_REDIS_PASSWORD=canary-from-variable run -0 "$step_00" --env dev
  refute_output --partial canary-from-variable
  run -0 grep REDIS_PASSWORD credentials/dev/platform.env
  assert_output "REDIS_PASSWORD='canary-from-variable'"
}

@test "settings: a variable that contradicts a saved value is exit 2" {
  complete_platform
  KEYBUZZ_REDIS_PASSWORD=another-one run -2 --separate-stderr "$step_00" --env dev
  assert_regex "$stderr" 'KEYBUZZ_REDIS_PASSWORD contradicts the value saved in credentials/dev/platform.env'
}

@test "settings: an answers file gives several at once, secrets too" {
  printf '%s\n' "DOMAIN='dev.example.com'" "OPERATOR_EMAIL='ops@example.com'" "POSTGRES_HOST='127.0.0.1'" \
    "POSTGRES_PASSWORD='canary-pg'" "REDIS_HOST='127.0.0.1'" "REDIS_PASSWORD=\`it's\`" >answers
  chmod 666 answers
  run -2 "$step_00" --env dev --answers answers
  assert_output --partial 'answers can be read by others (mode 0666)'
  [[ ! -e credentials/dev/platform.env ]]
  chmod 600 answers
  run -0 "$step_00" --env dev --answers answers
  run -0 grep REDIS_PASSWORD credentials/dev/platform.env
  assert_output "REDIS_PASSWORD=\`it's\`"
}

bad_file() { # NAME EXPECTED: platform.env is bad in one way; nothing may be written
  local before
  before=$(sha256sum credentials/dev/*)
  run -2 --separate-stderr "$step_00" --env dev
  assert_regex "$stderr" "$1"
  refute_regex "$stderr" 'canary'
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

@test "settings: a file that is not UTF-8 is exit 2, names its encoding, and keeps every byte" {
  complete_platform
  # An accent as Windows-1252 writes it: read anyway, it would be saved again as another password.
  sed -i "s/canary-redis-1/canary-redis-\xe9/" credentials/dev/platform.env
  bad_file 'platform.env is not UTF-8: by its bytes it is WINDOWS-1252'
  complete_platform
  printf '\xff\xfe' >credentials/dev/12_n8n.env
  chmod 600 credentials/dev/12_n8n.env
  bad_file '12_n8n.env is not UTF-8: by its bytes it is UTF-16'
}

@test "settings: a run's own inputs cannot switch the protection of an environment off, and nothing is saved before its name" {
  complete_platform
  printf "PROTECTED='true'\n" >>credentials/dev/platform.env
  bad_protection() {
    local before
    before=$(sha256sum credentials/dev/*)
    run -2 --separate-stderr "$@"
    assert_regex "$stderr" 'dev is protected: its name was not typed'
    assert_equal "$(sha256sum credentials/dev/*)" "$before"
  }
  bad_protection "$step_00" --env dev --yes --set PROTECTED=false
  printf "PROTECTED='false'\n" | install -m 600 /dev/stdin answers
  bad_protection "$step_00" --env dev --yes --answers answers
  sed -i '/^PROTECTED=/d' credentials/dev/platform.env
  # Adding it takes effect at once.
  bad_protection "$step_00" --env dev --yes --set PROTECTED=true
  run -0 "$step_00" --env dev --yes --set PROTECTED=true --confirm dev
  run -0 "$step_00" --env dev --set PROTECTED=false --confirm dev
  run -0 "$step_00" --env dev
}

@test "settings: a file others may read is exit 2" {
  complete_platform
  chmod 644 credentials/dev/platform.env
  bad_file 'platform.env can be read by others \(mode 0644\)'
}

@test "settings: a key that is there twice is exit 2 with its line" {
  complete_platform
  echo "DOMAIN='other.example.com'" >>credentials/dev/platform.env
  bad_file 'platform.env line 9: DOMAIN is there twice'
}

@test "settings: a file that was cut off is exit 2" {
  complete_platform
  truncate -s -4 credentials/dev/platform.env
  bad_file 'platform.env line 8'
}

@test "settings: a folder in the place of a file is exit 2" {
  mkdir -p credentials/dev/platform.env
  run -2 --separate-stderr "$step_00" --env dev
  assert_regex "$stderr" 'cannot read credentials/dev/platform.env'
}

@test "settings: Windows line ends and a byte order mark change no value" {
  complete_platform
  printf '\xef\xbb\xbf' >bom
  sed 's/$/\r/' credentials/dev/platform.env | cat bom - >mixed
  install -m 600 mixed credentials/dev/platform.env
  run -0 "$step_00" --env dev
  run -1 grep $'\r' credentials/dev/12_n8n.env credentials/dev/platform.env
}

@test "settings: a value no settings file can hold is refused by name" {
  complete_platform
  sed -i '/REDIS_PASSWORD/d' credentials/dev/platform.env
  before=$(sha256sum credentials/dev/*)
  KEYBUZZ_REDIS_PASSWORD="quote'and\`backtick" run -2 --separate-stderr "$step_00" --env dev
  assert_regex "$stderr" 'REDIS_PASSWORD cannot be saved'
  assert_equal "$(sha256sum credentials/dev/*)" "$before"
}

@test "settings: a full disk is exit 12 and leaves the old file whole" {
  complete_platform
  "$step_00" --env dev
  before=$(<credentials/dev/12_n8n.env)
  full=$BATS_TEST_TMPDIR/full
  mkdir "$full"
  mount -t tmpfs -o size=16k tmpfs "$full" || skip 'needs root for a small file system'
  cp -r credentials/dev/. "$full/"
  rm -rf credentials/dev && ln -s "$full" credentials/dev
  run dd if=/dev/zero of="$full/filler" bs=1k
  run -12 --separate-stderr "$step_00" --env dev --set N8N_HOST=other.example.com
  after=$(<credentials/dev/12_n8n.env)
  left=$(find "$full" -name '.12_n8n.env.*')
  umount "$full"
  assert_regex "$stderr" 'the disk of this machine is full'
  assert_equal "$after" "$before"
  assert_equal "$left" ''
}

@test "settings: a single step does not take --set, exit 2" {
  complete_platform
  run -2 --separate-stderr scripts/12_n8n/12_n8n_01_deploy.mts --env dev --set N8N_HOST=x.example.com
  assert_regex "$stderr" 'this run does not save settings'
}

@test "what a step found for settings that have no value is saved in the module's own file; under --plan it is only used" {
  complete_platform
  save_settings 09_k3s.env "SSH_KEY='key'"
  cat >keep.mts <<'TEXT'
import { k3s } from './scripts/09_k3s/module.mts'
import { openInputs } from './lib/run/inputs.mts'

const inputs = await openInputs(k3s, 'dev', { verb: 'install', set: [], plan: process.argv[2] === 'plan' } as never)
const found = { K3S_TOKEN: 'found-on-a-master-1', DOMAIN: 'other.example.com' }
await inputs.keep(found, () => Promise.resolve(console.log('held')))
const { K3S_TOKEN, DOMAIN } = inputs.current()
console.log(K3S_TOKEN?.reveal(), DOMAIN)
TEXT
  run -0 --separate-stderr bin/ts "$PWD/keep.mts" plan
  assert_output 'found-on-a-master-1 dev.example.com'
  run ! grep -q K3S_TOKEN credentials/dev/09_k3s.env
  run -0 --separate-stderr bin/ts "$PWD/keep.mts"
  assert_output $'held\nfound-on-a-master-1 dev.example.com'
  grep -qx "K3S_TOKEN='found-on-a-master-1'" credentials/dev/09_k3s.env
  assert_equal "$(stat -c %a credentials/dev/09_k3s.env)" 600
}
