#!/usr/bin/env bats
# What the kit costs, one test for each bound that does not depend on what else the machine does. About 20 s for
# `commands`, 75 s for `module-12`, which wants the practice platform with module 12 installed. `npm run bench` also holds
# runs that find nothing to do against one kubectl apply, and against seconds: it wants a quiet machine.

setup() {
  load ../practice/helper
}

# row PART NAME: the row stands in the table with its bound held. The first question of a part measures it.
row() {
  local table=$BATS_FILE_TMPDIR/$1
  [[ -e $table ]] || { run tests/bench/bench "$1" && printf '%s\n' "$output" >"$table"; }
  run -0 cat "$table"
  assert_line --regexp "^✓ $2 +[0-9.]+ x "
}

@test "--help takes at most 1.6 times an empty Node" { row commands '--help'; }

@test "a plan without a cluster takes at most 8 times an empty Node" { row commands '--plan --offline of module 12'; }

# bats test_tags=long
@test "a run that finds nothing to do starts at most 8 kubectl" { row module-12 'module 12, nothing to do: kubectl'; }
