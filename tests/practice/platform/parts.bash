# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# K3s itself instead of the practice build: the release an operator gives by --k3s, or the one of PRACTICE_PARTS.
# A platform keeps the K3s it was brought up with, until down.

readonly k3s_archives=(k3s-airgap-images-amd64.tar.zst k3s-airgap-images-amd64.tar.gz k3s-airgap-images-amd64.tar)

# choose_k3s [PROGRAM,IMAGES]: this run's word, else the last one's, else the parts', else the practice build (no lines).
# Sets given_k3s and given_images: empty for the practice build.
choose_k3s() {
  local file=$state/k3s-given before given=${1:-}
  given_k3s='' given_images=''
  if [[ -z $given && ! -e $file ]]; then given=$(k3s_of_parts); fi
  if [[ -n $given ]]; then keep_given "$given"; fi
  [[ -e $file ]] || printf '%s\n%s\n' "$given_k3s" "$given_images" | write_file "$file" 0600
  before=$(cat "$file")
  if [[ -n $given && $before != "$given_k3s"$'\n'"$given_images" ]]; then
    fail 'the platform was brought up with another K3s' 'tests/practice/practice down, then up'
  fi
  { read -r given_k3s && read -r given_images; } <"$file" || true
}

# is_k3s_itself: no practice build.
is_k3s_itself() { [[ -n $given_k3s ]]; }

# k3s_of_parts: PROGRAM,IMAGES of PRACTICE_PARTS; nothing when there is none.
k3s_of_parts() {
  local name program images code=0
  program=$(part k3s) || code=$?
  ((code <= 1)) || exit "$code"
  [[ -n $program ]] || return 0
  for name in "${k3s_archives[@]}"; do
    code=0
    images=$(part "$name") || code=$?
    ((code <= 1)) || exit "$code"
    [[ -z $images ]] || { printf '%s,%s\n' "$program" "$images" && return; }
  done
  fail "$PRACTICE_PARTS holds k3s without its images" "${k3s_archives[*]}: one of them beside it, from K3s' release page"
}

# keep_given PROGRAM,IMAGES: both in the cache under their sums, so that the platform does not need the originals again.
keep_given() {
  local program=${1%%,*} images=${1#*,} sum
  [[ $1 == *,* && -f $program && -f $images ]] ||
    fail "--k3s $1: two files, with a comma between them" '--k3s artifacts/k3s,artifacts/k3s-airgap-images-amd64.tar.zst' 2
  require_listed "$program" "$images"
  sum=$(cat "$program" "$images" | sha256sum)
  given_k3s=$cache/given/${sum:0:16}/k3s given_images=$cache/given/${sum:0:16}/${images##*/}
  if [[ -x $given_k3s && -f $given_images ]]; then return; fi
  mkdir -p "${given_k3s%/*}"
  install -m 0755 "$program" "$given_k3s.new"
  install -m 0644 "$images" "$given_images.new"
  "$given_k3s.new" --version >/dev/null 2>&1 ||
    fail "$program does not run on this computer" "take the one of $(uname -m) from K3s' release page" 3
  mv "$given_images.new" "$given_images"
  mv "$given_k3s.new" "$given_k3s"
}

# require_listed FILE...: as the list of checksums beside them has them; a list is not required.
require_listed() {
  local file list line found
  for file in "$@"; do
    for list in "${file%/*}"/{SHA256SUMS,sha256sum-amd64.txt}; do
      [[ $file == */* && -f $list ]] || continue
      line=$(awk -v name="${file##*/}" '$2 == name || $2 == "*" name { print $1 }' "$list")
      [[ -n $line ]] || continue
      read -r found _ < <(sha256sum "$file")
      [[ $found == "$line" ]] || fail "$file is not the one $list names" 'fetch it again' 7
    done
  done
}

# part NAME: the file of that name out of PRACTICE_PARTS, its sum compared, NAME.xz unpacked into the cache; fails
# without a word when it is not there.
part() {
  local parts=${PRACTICE_PARTS:-} sum out
  if [[ -n $parts && -f $parts/$1 ]]; then
    require_listed "$parts/$1"
    printf '%s\n' "$parts/$1"
  elif [[ -n $parts && -f $parts/$1.xz ]]; then
    require_listed "$parts/$1.xz"
    read -r sum _ < <(sha256sum "$parts/$1.xz")
    out=$cache/parts/${sum:0:16}/$1
    if [[ ! -x $out ]]; then
      mkdir -p "${out%/*}"
      xz -dc "$parts/$1.xz" >"$out.new" || fail "$parts/$1.xz cannot be unpacked" 'fetch it again; apt-get install xz-utils'
      chmod 0755 "$out.new"
      mv "$out.new" "$out"
    fi
    printf '%s\n' "$out"
  else
    return 1
  fi
}

# has_part NAME: whether PRACTICE_PARTS has a file of that name, packed or not. What it holds is not looked at.
has_part() { [[ -f ${PRACTICE_PARTS:-}/$1 || -f ${PRACTICE_PARTS:-}/$1.xz ]]; }

# require_part WHAT NAME SOURCE: part NAME, which WHAT cannot be made without; where it comes from when it is not there.
require_part() {
  local code=0
  part "$2" || code=$?
  ((code != 1)) || fail "$1 needs PRACTICE_PARTS=FOLDER with $2, or $2.xz" "build it from $3" 3
  return "$code"
}

# lend_to_k3s UPPER: what a container does not give K3s itself, from before its service starts. Below /usr/lib, where
# whoever takes K3s off the machine has no business.
lend_to_k3s() {
  local unit
  install -D -m 0755 "$platform/lend-to-k3s" "$1/usr/lib/practice/lend-to-k3s"
  for unit in k3s k3s-agent; do
    mkdir -p "$1/usr/lib/systemd/system/$unit.service.d"
    cat >"$1/usr/lib/systemd/system/$unit.service.d/practice.conf" <<'UNIT'
[Service]
# With it K3s takes the systemd driver of control groups, which has no slice for these machines.
UnsetEnvironment=INVOCATION_ID
ExecStartPre=/usr/lib/practice/lend-to-k3s
UNIT
  done
}
