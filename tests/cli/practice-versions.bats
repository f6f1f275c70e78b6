#!/usr/bin/env bats
# What the practice platform writes into versions.json about the images it packs. No machine is booted.

setup() { load helper; }

# contract_entries: the entries of the stand-ins, as JSON.
contract_entries() {
  bash -c '
    set -Eeuo pipefail
    repo=$1 here=$1/tests/practice
    source "$here/platform/common.bash"
    source "$here/platform/credentials.bash"
    entries=$(contract_versions)
    printf "{%s}\n" "${entries%,}"
  ' contract_entries "$repository"
}

# of NAME FIELD: out of those entries.
of() { contract_entries | node -p 'JSON.parse(fs.readFileSync(0, "utf8"))[process.argv[1]][process.argv[2]]' "$@"; }

@test "Qdrant is a stand-in over the real engine, in the version that is fetched, and says so" {
  run -0 grep -oE '^qdrant-edge-py==[0-9.]+ --hash=sha256:[0-9a-f]{64}$' "$repository/tests/practice/images/contract/qdrant.txt"
  edge=$(sed -E 's/.*==([0-9.]+) .*/\1/' <<<"$output")
  run -0 of qdrant standIn
  assert_output --partial "A stand-in over the real engine (qdrant-edge $edge)"
  run -0 of qdrant image
  assert_output keybuzz-practice/qdrant:1.19.0
}

@test "every other application there is a contract server" {
  run -0 of litellm standIn
  assert_output --partial 'A contract server'
}

# injector_entry: what is written of the injector, where the image vault is chosen.
injector_entry() {
  bash -c '
    set -Eeuo pipefail
    repo=$1 here=$1/tests/practice platform=$1/tests/practice/platform chosen_images=(n8n-twin vault)
    source "$platform/common.bash"
    source "$platform/parts.bash"
    source "$platform/credentials.bash"
    entries=$(vault_versions)
    printf "{%s}\n" "${entries%,}"
  ' injector_entry "$repository" | node -p 'JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8"))["vault-k8s"])'
}

@test "the injector is built from source where the part is there, and else a stand-in that says so, never both" {
  PRACTICE_PARTS=$BATS_TEST_TMPDIR run -0 injector_entry
  assert_output --partial '"standIn":"It injects what this kit asks for'
  refute_output --partial '"made"'
  touch "$BATS_TEST_TMPDIR/vault-k8s.xz"
  PRACTICE_PARTS=$BATS_TEST_TMPDIR run -0 injector_entry
  assert_output --partial '"made":"built from source"'
  refute_output --partial '"standIn"'
}
