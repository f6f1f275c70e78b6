#!/usr/bin/env bats
# The real n8n 2.41.1 on the platform. About 300 s on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  kit --module 9 --verify
}

setup() { load helper; }

teardown() { explain_failure n8n-practice; }

# owner_login: the cookie of n8n's owner.
owner_login() {
  local body
  body=$(node -e 'console.log(JSON.stringify({ emailOrLdapLoginId: process.argv[1], password: require("fs").readFileSync(0, "utf8").trim() }))' \
    "$(setting N8N_OWNER_EMAIL)" <<<"$(setting N8N_OWNER_PASSWORD)")
  ask /rest/login --request POST --header 'Content-Type: application/json' --data @- --dump-header - --output /dev/null <<<"$body" |
    sed -nE 's/^[Ss]et-[Cc]ookie: (n8n-auth=[^;]+).*/\1/p'
}

# owner_asks METHOD PATH [JSON]: n8n's answer to its owner, whose cookie is $cookie.
owner_asks() {
  local body=()
  [[ -z ${3:-} ]] || body=(--header 'Content-Type: application/json' --data "$3")
  ask "$2" --request "$1" --header "Cookie: $cookie" "${body[@]}"
}

# data_of NAME: that field of n8n's answer on stdin.
data_of() { node -e 'console.log(JSON.parse(require("fs").readFileSync(0, "utf8")).data[process.argv[1]])' "$1"; }

# store_behind_credential: a webhook practice-kept that opens for the header of a stored credential. Its workflow is $workflow.
store_behind_credential() {
  local credential answer version
  credential=$(owner_asks POST /rest/credentials '{"name":"practice-kept","type":"httpHeaderAuth","data":{"name":"x-practice","value":"it-opens"}}' | data_of id)
  answer=$(owner_asks POST /rest/workflows "$(node -e 'console.log(JSON.stringify({
    name: "practice-kept",
    nodes: [{
      id: "a1", name: "Webhook", type: "n8n-nodes-base.webhook", typeVersion: 2, position: [0, 0], webhookId: "practice-kept",
      parameters: { httpMethod: "POST", path: "practice-kept", responseMode: "onReceived", options: {}, authentication: "headerAuth" },
      credentials: { httpHeaderAuth: { id: process.argv[1], name: "practice-kept" } },
    }],
    connections: {},
    settings: { executionOrder: "v1" },
  }))' "$credential")")
  workflow=$(data_of id <<<"$answer")
  version=$(data_of versionId <<<"$answer")
  owner_asks POST "/rest/workflows/$workflow/activate" "{\"versionId\":\"$version\"}" >/dev/null
}

# opens_for VALUE: the status of that webhook for this value of its header, once it is there: it opens a moment later.
opens_for() {
  local code
  for _ in {1..40}; do
    code=$(ask /webhook/practice-kept --request POST --header "x-practice: $1" --output /dev/null --write-out '%{http_code}')
    [[ $code == 404 || $code == 50? ]] || break
    sleep 0.5
  done
  echo "$code"
}

@test "module 12 installs the real n8n; the report says so" {
  run -0 kit --module 12 --yes
  assert_output --partial '15 checks passed'
  run -0 grep -c 'Met: the real program' validation/practice/MODULE12_VALIDATION.md
}

@test "webhook processes and workers are Ready on both workers, main and the process of MCP on one" {
  run -0 kubectl get pods --namespace n8n-practice -o 'jsonpath={range .items[*]}{.metadata.labels.app\.kubernetes\.io/component} {.spec.nodeName} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'
  for component in webhook worker; do
    assert_line "$component practice-worker-01 True"
    assert_line "$component practice-worker-02 True"
  done
  for component in main mcp; do
    assert_equal "$(grep -cE "^$component practice-worker-0[12] True\$" <<<"$output")" 1
  done
}

@test "the owner logs in through the ingress, and nobody finds a set-up page" {
  [[ $(owner_login) == n8n-auth=* ]]
  run -0 ask /rest/settings
  assert_output --partial '"showSetupOnFirstLoad":false'
}

@test "a webhook with a Code node ran on a worker, with its runner: the execution is in the workers' log" {
  run -0 kit --module 12 --verify
  assert_output --partial 'checks passed'
  run -0 grep -E 'n8n\.webhook.*execution [0-9]+ success' validation/practice/MODULE12_VALIDATION.md
  run -0 kubectl logs --namespace n8n-practice --selector app.kubernetes.io/component=worker --container n8n --tail=-1
  assert_output --regexp 'Worker (started|finished) execution'
}

# versions_of_kit: as versions_of_objects, without the generation of Deployments: the real n8n is busy enough for its
# autoscalers to change the number of pods meanwhile. The time of the kit's last write stays in each line.
versions_of_kit() { versions_of_objects | sed -E 's#^(Deployment/[^ ]+) [0-9]+ #\1 #'; }

@test "a second install sends nothing" {
  before=$(versions_of_kit)
  run -0 kit --module 12 --yes
  assert_output --partial 'nothing to do'
  assert_equal "$(versions_of_kit)" "$before"
}

@test "the drills hold: a credential survives the loss of every pod, a job waits for its workers" {
  run -0 kit --module 12 --drill --confirm n8n
  assert_output --partial '15 checks and 2 drills passed'
}

@test "another encryption key over the same database: n8n's own words, exit 9; what they say to do leads to exit 0, and what was stored opens" {
  cookie=$(owner_login)
  store_behind_credential
  assert_equal "$(opens_for it-opens)" 200
  cp -p "$credentials/12_n8n.env" "$BATS_TEST_TMPDIR/saved"
  remove_namespace n8n-practice
  sed -i -E "s/^(N8N_ENCRYPTION_KEY)=.*/\1='0000000000000000000000000000000000000000000000000000000000000000'/" "$credentials/12_n8n.env"
  run kit --module 12 --yes
  code=$status
  printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/output"
  # The generated key stands in the live Secret now: the original one in the file is believed all the same.
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/12_n8n.env"
  run kit --module 12 --yes
  returned=$status
  printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/returned"
  assert_equal "$code" 9
  run -0 cat "$BATS_TEST_TMPDIR/output"
  assert_output --partial 'it crashes again and again'
  assert_output --partial 'cannot be read with this instance encryption key'
  assert_output --partial 'The database was written with another N8N_ENCRYPTION_KEY'
  assert_output --partial 'put the original key into 12_n8n.env'
  run -0 cat "$BATS_TEST_TMPDIR/returned"
  assert_output --partial 'N8N_ENCRYPTION_KEY differs from the live one, which no validated revision ran with'
  assert_equal "$returned" 0
  assert_equal "$(opens_for it-opens)" 200
  assert_equal "$(opens_for something-else)" 403
  cookie=$(owner_login)
  owner_asks POST "/rest/workflows/$workflow/archive" '{}' >/dev/null
  owner_asks DELETE "/rest/workflows/$workflow" >/dev/null
}

@test "the key that a validated revision ran with is protected again: another one in the file is exit 5" {
  before=$(versions_of_objects)
  with_setting "$credentials/12_n8n.env" N8N_ENCRYPTION_KEY "$(printf '0%.0s' {1..64})" kit --module 12 --yes
  assert_equal "$status" 5
  assert_output --partial 'N8N_ENCRYPTION_KEY is not the value the cluster runs with'
  assert_equal "$(versions_of_objects)" "$before"
}

@test "the role's password changed behind our back: seen, set again, and n8n goes on" {
  sql "ALTER ROLE n8n_practice PASSWORD 'somebody-elses-idea'"
  run -4 --separate-stderr kit --module 12 --plan
  assert_line '  ~ PostgreSQL role n8n_practice'
  assert_line --regexp 'password +changed \(not shown\)'
  run -0 kit --module 12 --yes
}

# wrong_secret KEY: platform.env with another value for it; the original comes back afterwards.
wrong_secret() {
  cp -p "$credentials/platform.env" "$BATS_TEST_TMPDIR/saved"
  sed -i -E "s/^($1)=.*/\1='not-the-password'/" "$credentials/platform.env"
  run kit --module 12 --yes
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/platform.env"
}

@test "a wrong PostgreSQL password: exit 8, with the setting to correct" {
  wrong_secret POSTGRES_PASSWORD
  assert_equal "$status" 8
  assert_output --partial 'PostgreSQL 10.77.0.10:5432 refuses the password of kb_admin'
}

@test "a Redis password that is not the running one: exit 5, the file is not believed" {
  wrong_secret REDIS_PASSWORD
  assert_equal "$status" 5
  assert_output --partial 'REDIS_PASSWORD is not the value the cluster runs with'
}

@test "a wrong Redis password given in this run: exit 8, before anything is touched" {
  before=$(versions_of_objects)
  cp -p "$credentials/platform.env" "$BATS_TEST_TMPDIR/saved"
  (umask 077 && printf "REDIS_PASSWORD='not-the-password'\n" >"$BATS_TEST_TMPDIR/answers")
  run kit --module 12 --yes --answers "$BATS_TEST_TMPDIR/answers"
  cp -p "$BATS_TEST_TMPDIR/saved" "$credentials/platform.env"
  assert_equal "$status" 8
  assert_output --partial 'Redis 10.77.0.10:6379 refuses the password'
  assert_equal "$(versions_of_objects)" "$before"
}
