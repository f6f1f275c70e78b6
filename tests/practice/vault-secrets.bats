#!/usr/bin/env bats
# Modules take their secrets from Vault, and back: a real OpenBao, the quick stand-ins of n8n, LiteLLM and Qdrant. The injector
# is the real one where PRACTICE_PARTS has vault-k8s, else a stand-in. About 640 s with the real one; not measured without.

setup_file() {
  load helper
  load vault
  load litellm
  cp -p "$credentials/15_llm.models.yml" "$BATS_FILE_TMPDIR/models.yml"
  vault_comes_up n8n-twin,contract
  forget_n8n
  forget_llm
  ensure_volume
  give_files
  vault
  kit --module 12 --yes
}

teardown_file() {
  load helper
  load vault
  load litellm
  forget_n8n
  forget_llm
  cp -p "$BATS_FILE_TMPDIR/models.yml" "$credentials/15_llm.models.yml"
  vault_goes n8n-twin,contract
}

setup() {
  load helper
  load vault
  load litellm
}

teardown() {
  explain_failure n8n-practice llm-practice vault-injector
}

# n8n FLAG...: a run of module 12 that never asks, with the token for the set-up. n8n_later: the same without it.
n8n() { KEYBUZZ_VAULT_TOKEN=$(root_token) kit --module 12 --yes "$@"; }
n8n_later() { kit --module 12 --yes "$@"; }
# llm_into FLAG...: a run of module 15 with the token.
llm_into() { KEYBUZZ_VAULT_TOKEN=$(root_token) kit --module 15 --yes "$@"; }

# choose FILE STORE: SECRETS in a settings file.
choose() { sed -i -E "s/^SECRETS='.*'$/SECRETS='$2'/" "$credentials/$1"; }

# in_cluster TEXT: names of the Secrets and ConfigMaps that have it, decoded and unpacked.
in_cluster() {
  kubectl get secrets,configmaps --all-namespaces -o json | node -e '
    const { items } = JSON.parse(fs.readFileSync(0, "utf8"))
    const texts = ({ kind, data = {} }) => Object.values(data).flatMap((value) => {
      const bytes = Buffer.from(value, kind === "Secret" ? "base64" : "utf8")
      try { return [bytes.toString(), zlib.gunzipSync(bytes).toString()] } catch { return [bytes.toString()] }
    })
    for (const one of items) if (texts(one).some((text) => text.includes(process.argv[1])))
      console.log(one.kind + " " + one.metadata.namespace + "/" + one.metadata.name)' "$1"
}

# of_n8n: the Secrets of module 12.
of_n8n() { kubectl get secrets --namespace n8n-practice --selector keybuzz.io/module=12_n8n -o name; }

# kept KEY: what Vault has of n8n.
kept() { bao kv get -mount=kv "-field=$1" keybuzz/n8n-practice; }

# login_of NAMESPACE [ROLE]: with the token of its account n8n, at the role of module 12: what Vault answers.
login_of() {
  kubectl create token n8n --namespace "$1" --audience vault |
    ROLE=${2:-keybuzz-n8n-practice} node -p 'JSON.stringify({ role: process.env.ROLE, jwt: fs.readFileSync(0, "utf8").trim() })' |
    curl --silent --cacert "$BATS_FILE_TMPDIR/ca.crt" --data @- https://10.77.0.10:8200/v1/auth/kubernetes/login
}
# shown_to TOKEN PATH: the status with which Vault shows a path.
shown_to() {
  curl --silent --cacert "$BATS_FILE_TMPDIR/ca.crt" --output /dev/null --write-out '%{http_code}' \
    --header "X-Vault-Token: $1" "https://10.77.0.10:8200/v1/$2"
}

# key_works: a credential that was encrypted before is read afterwards, in new pods.
key_works() { kit --module 12 --drill --confirm n8n; }

@test "without a token for the set-up: exit 2 says what to give, and pods and Secret are as they were" {
  before=$(versions_of_objects)
  choose 12_n8n.env vault
  run -2 n8n_later
  assert_output --partial 'KEYBUZZ_VAULT_TOKEN'
  assert_equal "$(versions_of_objects)" "$before"
  choose 12_n8n.env kubernetes
}

@test "a plan names what it would write and delete, by name, and writes nothing" {
  before=$(versions_of_objects)
  choose 12_n8n.env vault
  run -4 n8n --plan
  assert_output --partial '+ Vault role keybuzz-n8n-practice: n8n-practice/n8n'
  assert_output --partial '+ Vault values kv/data/keybuzz/n8n-practice'
  assert_output --partial '- Secret n8n-practice/n8n'
  refute_output --partial "$(setting N8N_ENCRYPTION_KEY)"
  assert_equal "$(versions_of_objects)" "$before"
  choose 12_n8n.env kubernetes
}

@test "another value in Vault is named, never shown, and wants the name typed; another key is refused" {
  choose 12_n8n.env vault
  bao kv put -mount=kv keybuzz/n8n-practice N8N_RUNNERS_AUTH_TOKEN=of-somebody-else
  run -2 n8n
  assert_output --partial 'kv/data/keybuzz/n8n-practice, are replaced by ours: N8N_RUNNERS_AUTH_TOKEN'
  refute_output --partial 'of-somebody-else'
  bao kv put -mount=kv keybuzz/n8n-practice N8N_ENCRYPTION_KEY=of-somebody-else
  run -5 n8n --confirm n8n
  assert_output --partial 'has another N8N_ENCRYPTION_KEY than credentials/practice'
  bao kv metadata delete -mount=kv keybuzz/n8n-practice
  choose 12_n8n.env kubernetes
}

@test "into Vault: no Secret of the cluster has the key any more, the pods have it, and all is validated" {
  key=$(setting N8N_ENCRYPTION_KEY)
  run -0 in_cluster "$key"
  assert_output 'Secret n8n-practice/n8n'
  choose 12_n8n.env vault
  run -0 n8n
  assert_output --partial 'values are equal in Vault, in credentials/practice and in'
  assert_output --partial '17 checks passed'
  run -0 of_n8n
  assert_output ''
  run -0 in_cluster "$key"
  assert_output ''
  assert_equal "$(kept N8N_ENCRYPTION_KEY)" "$key"
  run -1 grep -rqF "$key" logs validation
}

@test "a second run needs no token and sends nothing" {
  before=$(versions_of_objects)
  run -0 n8n_later
  assert_output --partial 'nothing to do'
  assert_equal "$(versions_of_objects)" "$before"
}

@test "the containers: no token of Kubernetes or Vault beside n8n, and the task runner reads its own value alone" {
  pod=$(kubectl get pods --namespace n8n-practice -l app.kubernetes.io/component=worker -o 'jsonpath={.items[0].metadata.name}')
  run -0 kubectl get pod "$pod" --namespace n8n-practice -o 'jsonpath={.spec.containers[?(@.name=="n8n")].volumeMounts[*].mountPath}'
  refute_output --partial 'serviceaccount'
  # These images have no shell: what the runner may read is asked of its Node.
  read_by() {
    kubectl exec "$pod" --namespace n8n-practice --container "$1" -- /opt/node/bin/node -e \
      'for (const one of fs.readdirSync("/vault/secrets")) try { fs.readFileSync("/vault/secrets/" + one); console.log(one) } catch {}'
  }
  run -0 read_by runner
  assert_output 'n8n_runners_auth_token'
  run -0 read_by n8n
  assert_line 'n8n_encryption_key'
}

@test "the login of n8n’s pods reads their own path and no other module’s, and no account of that name elsewhere gets it" {
  token=$(login_of n8n-practice | node -p 'JSON.parse(fs.readFileSync(0)).auth.client_token')
  assert_equal "$(shown_to "$token" kv/data/keybuzz/n8n-practice)" 200
  for other in llm-practice check n8n-practice-other; do
    assert_equal "$other $(shown_to "$token" "kv/data/keybuzz/$other")" "$other 403"
  done
  kubectl create serviceaccount n8n --namespace default
  run -0 login_of default
  kubectl delete serviceaccount n8n --namespace default
  assert_output --partial 'namespace not authorized'
}

# bats test_tags=long
@test "a copy that is planted is found by its name" {
  kubectl create configmap copy --namespace default "--from-literal=a=$(setting N8N_ENCRYPTION_KEY)"
  run -10 n8n_later --verify
  assert_output --partial 'ConfigMap default/copy has N8N_ENCRYPTION_KEY'
  kubectl delete configmap copy --namespace default
  run -0 n8n_later --verify
}

# bats test_tags=long
@test "a lost settings file: its secrets come back from Vault, without a token" {
  key=$(setting N8N_ENCRYPTION_KEY)
  mv "$credentials/12_n8n.env" "$BATS_TEST_TMPDIR/saved"
  run -0 n8n_later --set SECRETS=vault
  assert_equal "$(setting N8N_ENCRYPTION_KEY)" "$key"
}

# bats test_tags=long
@test "sealed: running pods stay ready, a run is exit 3, and a new pod starts by itself afterwards" {
  bao operator seal
  run -3 n8n_later
  assert_output --partial 'is sealed'
  run -0 kubectl wait deployment/n8n --namespace n8n-practice --for=condition=Available --timeout=10s
  kubectl delete pods --namespace n8n-practice -l app.kubernetes.io/component=mcp --wait=false
  sleep 20
  unseal
  kubectl wait deployment/n8n-mcp --namespace n8n-practice --for=condition=Available --timeout=120s
}

# bats test_tags=long
@test "a rollback across the way is refused, and module 14 is not uninstalled while it is needed" {
  run -5 kit --module 12 --rollback 1 --yes
  assert_output --partial '--set SECRETS=kubernetes'
  run -5 kit --module 14 --uninstall --confirm vault
  assert_output --partial '12_n8n (practice)'
}

@test "back, killed after one of its writes: the next run goes on, the key is the same, and Vault keeps its values" {
  key=$(setting N8N_ENCRYPTION_KEY)
  choose 12_n8n.env kubernetes
  killed_once 6 env "KEYBUZZ_VAULT_TOKEN=$(root_token)" ./00_master_install.mjs --env practice --module 12 --yes
  run -0 n8n
  assert_output --partial '15 checks passed'
  run -0 in_cluster "$key"
  assert_output 'Secret n8n-practice/n8n'
  run -0 kubectl get serviceaccounts --namespace n8n-practice --selector keybuzz.io/module=12_n8n -o name
  assert_output ''
  run -0 kubectl get namespace n8n-practice --show-labels
  refute_output --partial 'keybuzz.io/vault-injection'
  run bao read auth/kubernetes/role/keybuzz-n8n-practice
  assert_output --partial 'No value found'
  assert_equal "$(kept N8N_ENCRYPTION_KEY)" "$key"
}

# bats test_tags=long
@test "in and out, killed at each write: nothing is lost" {
  key=$(setting N8N_ENCRYPTION_KEY)
  export KEYBUZZ_VAULT_TOKEN
  KEYBUZZ_VAULT_TOKEN=$(root_token)
  choose 12_n8n.env vault
  die_at_each_write 6 12 --yes
  run -0 of_n8n
  assert_output ''
  choose 12_n8n.env kubernetes
  die_at_each_write 6 12 --yes
  assert_equal "$(setting N8N_ENCRYPTION_KEY)" "$key"
  run -0 key_works
}

# bats test_tags=long
@test "Vault gone for ever: the way back needs none" {
  choose 12_n8n.env vault
  run -0 n8n
  end_vault
  choose 12_n8n.env kubernetes
  run -0 n8n_later
  assert_output --partial 'are those the pods ran with'
  run -0 key_works
  start_vault
  install -m 600 "$BATS_FILE_TMPDIR/ca.crt" "$credentials/platform.vault.ca"
  vault
}

# bats test_tags=long
@test "LiteLLM, Qdrant and a service of the operator from Vault, and back" {
  run -0 llm
  choose 15_llm.env vault
  run -0 llm_into
  assert_output --partial 'values are equal in Vault, in credentials/practice and in'
  assert_output --partial 'checks passed'
  run -0 kubectl get secrets --namespace llm-practice --selector keybuzz.io/module=15_llm -o name
  assert_output ''
  run -0 in_cluster "$(setting LITELLM_SALT_KEY)"
  assert_output ''
  choose 15_llm.env kubernetes
  run -0 llm_into
  run -0 kubectl get secrets --namespace llm-practice --selector keybuzz.io/module=15_llm -o name
  assert_line 'secret/litellm'
}

# through_vault NUMBER FILE SECRET FLAG...: a module with its secrets in Kubernetes, then in Vault, then back; a value as
# witness: whose key of FILE that is.
through_vault() {
  local number=$1 file=$2 key=$3 namespace
  shift 3
  namespace=${file#*_} namespace=${namespace%.env}-practice
  export KEYBUZZ_VAULT_TOKEN
  KEYBUZZ_VAULT_TOKEN=$(root_token)
  run -0 kit --module "$number" --yes
  choose "$file" vault
  run -0 kit --module "$number" --yes "$@"
  assert_output --partial 'values are equal in Vault, in credentials/practice and in'
  assert_output --partial 'checks passed'
  run -0 in_cluster "$(setting "$key")"
  assert_output ''
  run -0 kit --module "$number" --yes
  assert_output --partial 'nothing to do'
  choose "$file" kubernetes
  run -0 kit --module "$number" --yes
  assert_output --partial 'checks passed'
  run -0 in_cluster "$(setting "$key")"
  assert_output --partial "Secret $namespace/"
  run -0 kubectl get serviceaccounts --namespace "$namespace" --selector "keybuzz.io/module=${file%.env}" -o name
  assert_output ''
  run -0 kit --module "$number" --uninstall --confirm "${namespace%-practice}"
}

# bats test_tags=long
@test "KeyBuzz from Vault, and back" {
  printf "STRIPE_KEY='sk-of-the-tests'\n" | install -m 600 /dev/stdin "$credentials/10_keybuzz.api.env"
  through_vault 10 10_keybuzz.env API_POSTGRES_PASSWORD \
    --set 'API_ENTRYPOINT=/usr/bin/tini -- /opt/node/bin/node' --set API_COMMAND=/opt/contract/main.mjs
  rm "$credentials/10_keybuzz.api.env"
}

# bats test_tags=long
@test "Chatwoot from Vault, and back" {
  through_vault 11 11_chatwoot.env CHATWOOT_SECRET_KEY_BASE
}

# bats test_tags=long
@test "Superset from Vault, and back" {
  # Its pods find no room beside those of module 15, with an agent in each.
  run -0 kit --module 15 --uninstall --confirm llm
  through_vault 13 13_superset.env SUPERSET_SECRET_KEY
}

# blue FLAG...: a run of module 12 in a second environment, with the token. forget_blue: as if it had never been.
blue() { KEYBUZZ_VAULT_TOKEN=$(root_token) ./00_master_install.mjs --env blue --module 12 --yes "$@"; }
forget_blue() {
  remove_namespace n8n-blue
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-env=blue --ignore-not-found
  sql 'DROP DATABASE IF EXISTS n8n_blue WITH (FORCE)'
  sql 'DROP ROLE IF EXISTS n8n_blue'
  redis_command -n 5 FLUSHDB
  rm -rf {credentials,logs,validation}/blue
}

# bats test_tags=long
@test "a second environment: neither’s login reads the other’s values, and one that goes leaves the other as it is" {
  local key before token
  pods() { kubectl get pods --namespace n8n-practice -o name | sort; }
  choose 12_n8n.env vault
  run -0 n8n
  forget_blue
  install -d -m 700 credentials/blue
  cp -p "$credentials"/{platform.env,platform.vault.ca,versions.json,kubeconfig} credentials/blue/
  run -0 blue --set N8N_HOST=n8n.blue.example.com --set N8N_REDIS_DB=5 --set N8N_WORKERS_MAX=2 --set N8N_WEBHOOKS_MAX=2 --set SECRETS=vault
  key=$(sed -nE "s/^N8N_ENCRYPTION_KEY='(.*)'$/\1/p" credentials/blue/12_n8n.env)
  assert_not_equal "$key" "$(setting N8N_ENCRYPTION_KEY)"
  assert_equal "$(bao kv get -mount=kv -field=N8N_ENCRYPTION_KEY keybuzz/n8n-blue)" "$key"
  run -0 in_cluster "$key"
  assert_output ''
  token=$(login_of n8n-blue keybuzz-n8n-blue | node -p 'JSON.parse(fs.readFileSync(0)).auth.client_token')
  assert_equal "$(shown_to "$token" kv/data/keybuzz/n8n-blue)" 200
  assert_equal "$(shown_to "$token" kv/data/keybuzz/n8n-practice)" 403
  run -0 login_of n8n-blue keybuzz-n8n-practice
  assert_output --partial 'namespace not authorized'
  before=$(pods)
  run -0 ./00_master_install.mjs --env blue --module 12 --uninstall --confirm n8n
  assert_output --partial 'in Vault: values kv/data/keybuzz/n8n-blue'
  assert_equal "$(pods)" "$before"
  run -0 n8n_later
  assert_output --partial 'nothing to do'
  forget_blue
}
