#!/usr/bin/env bats
# A chart through the kit on a real cluster, with or without PRACTICE_PARTS: the small one of tests/fixtures, rendered by the
# real helm, as module 20 of a copy of the kit (tests/small). Its report says which chart it was. About 60 s on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  ensure_k3s_cluster
  ensure_ground
  KEYBUZZ_HELM=$(bash -c 'source tests/tools.bash && helm_4')
  export KEYBUZZ_HELM
  make_kit_with_chart "$BATS_FILE_TMPDIR/kit"
}

teardown_file() {
  load helper
  kubectl delete namespace small-practice --ignore-not-found --timeout=120s
  # With it go its objects.
  kubectl delete customresourcedefinition shelves.small.example.com --ignore-not-found
  kubectl delete clusterrole small --ignore-not-found
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=20_small
  rm -f "$credentials/20_small.env"
}

setup() {
  load helper
  cd "$BATS_FILE_TMPDIR/kit" || return 1
  # One of this checkout, wherever a test is.
  practice=$root/$practice
}

teardown() { explain_failure small-practice; }

# make_kit_with_chart FOLDER: the kit with module 20; its credentials are the platform's.
make_kit_with_chart() {
  local image
  mkdir -p "$1/credentials"
  cp -r 00_master_install.mjs bin lib scripts package.json versions.json "$1/"
  cp -r tests/small "$1/scripts/20_small"
  cp -r tests/fixtures/chart "$1/chart"
  ln -s "$root/node_modules" "$1/node_modules"
  ln -s "$root/credentials/practice" "$1/credentials/practice"
  sed -i "s/^\]/  { number: 20, slug: 'small', title: 'Small chart', inFullRun: 'optional', needs: [9] },\n]/" "$1/scripts/modules.mjs"
  # The image module 9 has laid on every node for its own probes.
  image=$(node -p "({ ...require('$root/versions.json'), ...require('$root/credentials/practice/versions.json') }).probe.image")
  sed -i "0,/{/s|{|{\n  \"small\": { \"version\": \"1.0.0\", \"image\": \"$image\", \"standIn\": \"The small chart of tests/fixtures, with a program that sleeps\" },|" "$1/versions.json"
}

# names_of WORDS...: what kubectl names it, or nothing.
names_of() { kubectl get "$@" --ignore-not-found -o name; }

@test "a plan names the new kind and what is of the kinds there are, and writes nothing" {
  run -4 kit --module 20 --plan
  assert_output --partial '+ CustomResourceDefinition shelves.small.example.com'
  assert_output --partial '+ StatefulSet small-practice/small'
  run -1 kubectl get namespace small-practice
}

@test "a value that is drawn at random is refused with its key before anything is written: exit 3" {
  run -3 kit --module 20 --yes --set SMALL_DRAWN=true
  assert_output --partial 'the chart renders differently each time (key admin-password of ConfigMap small-practice/small): it can never converge'
  run -1 kubectl get customresourcedefinition shelves.small.example.com
  run -1 kubectl get namespace small-practice
}

@test "its kind first, then its objects, also one in another namespace; the report says which chart it was" {
  run -0 kit --module 20 --yes --set SMALL_DRAWN=false
  run -0 kubectl wait customresourcedefinition shelves.small.example.com --for=condition=Established --timeout=1s
  assert_equal "$(names_of shelves.small.example.com small --namespace kube-system)" shelf.small.example.com/small
  assert_equal "$(names_of pvc data-small-0 --namespace small-practice)" persistentvolumeclaim/data-small-0
  # A hook of the chart is left out.
  assert_equal "$(names_of pod small-test --namespace small-practice)" ''
  run -0 cat validation/practice/MODULE20_VALIDATION.md
  assert_output --partial 'not the real program** (small): The small chart of tests/fixtures'
}

@test "a second run sends nothing" {
  run -0 kit --module 20 --yes
  assert_output --partial 'nothing to do'
}

@test "another value changes its object alone; what the chart no longer renders goes, where no namespace holds it too" {
  local shelf before
  shelf=$(kubectl get shelves.small.example.com small --namespace kube-system -o 'jsonpath={.metadata.resourceVersion}')
  before=$(kubectl get pvc data-small-0 --namespace small-practice -o 'jsonpath={.metadata.uid}')
  run -4 kit --module 20 --plan --set SMALL_ROLE=false --set SMALL_GRACE=2
  assert_output --partial '~ StatefulSet small-practice/small'
  assert_output --partial '- ClusterRole small'
  refute_output --partial 'Shelf kube-system/small'
  run -0 kit --module 20 --yes --set SMALL_ROLE=false --set SMALL_GRACE=2
  assert_equal "$(names_of clusterrole small)" ''
  assert_equal "$(kubectl get statefulset small --namespace small-practice -o 'jsonpath={.spec.template.spec.terminationGracePeriodSeconds}')" 2
  assert_equal "$(kubectl get shelves.small.example.com small --namespace kube-system -o 'jsonpath={.metadata.resourceVersion}')" "$shelf"
  assert_equal "$(kubectl get pvc data-small-0 --namespace small-practice -o 'jsonpath={.metadata.uid}')" "$before"
}

@test "killed at any write, the next run ends what it began" {
  killed_once 2 ./00_master_install.mjs --env practice --module 20 --yes --set SMALL_ROLE=true --set SMALL_GRACE=3
  run -0 kit --module 20 --yes --wait
  assert_equal "$(names_of clusterrole small)" clusterrole.rbac.authorization.k8s.io/small
}

@test "taken out, its objects go everywhere; the history in its volumes and the kind stay" {
  run -0 kit --module 20 --uninstall --confirm small
  assert_equal "$(names_of shelves.small.example.com --namespace kube-system)$(names_of clusterrole small)" ''
  run -0 kubectl get customresourcedefinition shelves.small.example.com
}
