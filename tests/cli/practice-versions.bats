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
