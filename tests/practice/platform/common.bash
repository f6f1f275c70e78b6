# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# What every part of the platform shares: its places, its talk, its secrets.

readonly cache=${KEYBUZZ_PRACTICE_CACHE:-$HOME/.cache/keybuzz-practice}
readonly state=/var/lib/keybuzz-practice
readonly run=/run/keybuzz-practice
readonly bridge=br-practice
readonly gateway=10.77.0.1
readonly env_folder=$repo/credentials/practice

# Whether the reason of a failure is on the screen already.
explained=0

say() { printf '%s\n' "$*" >&2; }

# fail TEXT [NEXT STEP] [EXIT CODE]: what happened, then what to do about it.
fail() {
  explained=1
  say "✗ $1"
  [[ -z ${2:-} ]] || say "    next: $2"
  exit "${3:-1}"
}

# timed TITLE COMMAND...: one line when something starts to be waited for, one when it ended.
# It is no condition's business: errexit must stay on inside it, so never call it in an if, && or ||.
timed() {
  local title=$1 started=${EPOCHREALTIME/./}
  shift
  say "  … $title"
  "$@"
  say "$(printf '  ✓ %-70s %6s s' "$title" "$(seconds_since "$started")")"
}

# seconds_since MICROSECONDS: with one decimal.
seconds_since() {
  local tenths=$(((${EPOCHREALTIME/./} - $1) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# until_true SECONDS COMMAND...: asks again until it holds. Its failure is the caller's to explain.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# each COMMAND NAME...: runs COMMAND NAME for all names at once; fails when one of them does.
each() {
  local command=$1 name pids=() pid failed=0
  shift
  for name in "$@"; do
    (set -Eeuo pipefail && "$command" "$name") &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return "$failed"
}

# write_file PATH MODE: standard input, whole or not at all; untouched when it holds just that already.
write_file() {
  local path=$1 mode=$2 temporary
  temporary=$(mktemp "$(dirname "$path")/.new.XXXXXX")
  cat >"$temporary"
  chmod "$mode" "$temporary"
  if cmp -s "$temporary" "$path" && [[ $(stat -c %a "$path") == "${mode#0}" ]]; then
    rm -f "$temporary"
  else
    mv -f "$temporary" "$path"
  fi
}

# secret NAME: a value generated once a platform. Letters and digits only: it has to fit into SQL, YAML and shell alike.
secret() {
  local path=$state/secrets/$1
  if [[ ! -s $path ]]; then
    install -d -m 0700 "$state/secrets"
    LC_ALL=C tr -dc 'A-Za-z0-9' < <(head -c 4096 /dev/urandom) | cut -c1-32 | write_file "$path" 0600
  fi
  cat "$path"
}
