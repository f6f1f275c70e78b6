# What tests and demo need on a fresh machine. Sourced, never run.

# The repository's own folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export BATS_LIB_PATH=$root/node_modules

# Installs the packages of package-lock.json when they are not there, or not those.
ensure_packages() {
  local stamp=$root/node_modules/.package-lock.json
  if [[ ! -f $stamp || $root/package-lock.json -nt $stamp ]]; then
    echo "… npm install (about 10 s)" >&2
    # Not `npm ci`: it refuses a lock file without the optional packages of platforms a registry does not carry.
    # What is installed is the lock file's all the same, and the file stays as it is.
    (cd "$root" && npm install --no-save --no-audit --no-fund --loglevel=error >&2) || return 1
    touch "$stamp"
  fi
}

# ensure_programs PROGRAM=PACKAGE...: installs Debian packages whose program is missing.
ensure_programs() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]} == 0)) && return
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "✗ missing: ${missing[*]}   install them, then run this again" >&2
    return 3
  fi
  echo "… apt-get install ${missing[*]}" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# As TAP, with how long each test took; one that fails shows what the kit said to it.
bats() { "$root/node_modules/bats/bin/bats" --formatter tap --timing --print-output-on-failure "$@"; }
