# shellcheck shell=bash
# Images: packed once by tests/practice/images/build, laid where each node takes them from. There is no registry.

readonly laid_images=rancher/k3s/agent/images

# choose_images [LIST]: this run's word, else the last one's, else the quick stand-in. Sets chosen_images.
choose_images() {
  local list=${1:-}
  [[ -n $list ]] || list=$(cat "$state/images" 2>/dev/null || printf n8n-twin)
  IFS=, read -ra chosen_images <<<"$list"
  ((${#chosen_images[@]})) || fail 'the list of images is empty' '--images n8n-twin' 2
  printf '%s\n' "$list" | write_file "$state/images" 0600
}

# lay_image NODE TARBALL: into the folder K3s imports from. A hard link where that is possible: tarballs are large.
lay_image() {
  local folder=$machine_folders/$1/$laid_images file=${2##*/}
  mkdir -p "$folder"
  ln -f "$2" "$folder/$file" 2>/dev/null || { cp -p "$2" "$folder/.$file" && mv -f "$folder/.$file" "$folder/$file"; }
}

# is_laid NODE TARBALL: this very one.
is_laid() {
  local laid=$machine_folders/$1/$laid_images/${2##*/}
  [[ -e $laid && ! $laid -ot $2 && ! $laid -nt $2 ]]
}

# renew_image NODE TARBALL IMAGE: an older one under the same name goes first, or it would pass for the new one.
renew_image() {
  is_laid "$1" "$2" && return 0
  inside "$1" k3s ctr -n k8s.io images rm "$(full_name "$3")" >/dev/null 2>&1 || true
  lay_image "$1" "$2"
}

# full_name IMAGE: as the nodes know it.
full_name() { printf 'docker.io/%s\n' "${1#docker.io/}"; }

# image_in TARBALL: its name with tag, as the tarball itself tells.
image_in() {
  tar -xOf "$1" --no-anchored --occurrence=1 manifest.json | grep -oE '"RepoTags": *\["[^"]+"' | cut -d'"' -f4
}

# ensure_images NAME NODE...: builds what is not cached, lays it and waits until every node has it.
ensure_images() {
  local name=$1 built tarballs tarball image node
  shift
  built=$("$here/images/build" "$name") || fail "the image $name could not be packed" 'look at its lines above'
  mapfile -t tarballs <<<"$built"
  for tarball in "${tarballs[@]}"; do
    for image in $(image_in "$tarball"); do
      for node in "$@"; do renew_image "$node" "$tarball" "$image"; done
      has_image_everywhere "$image" "$@" || timed "image $image on ${*#practice-}" await_image "$image" "$@"
    done
  done
}

await_image() {
  until_true 300 has_image_everywhere "$@" ||
    fail "a node did not import $1 within 300 s" "tests/practice/practice ssh $2 journalctl -u $(unit_of "$2") -n 50"
}

has_image_everywhere() {
  local image=$1 node
  shift
  for node in "$@"; do
    inside "$node" k3s ctr -n k8s.io images ls -q "name==$(full_name "$image")" 2>/dev/null | grep -q . || return 1
  done
}
