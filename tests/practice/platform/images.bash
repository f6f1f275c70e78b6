# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# Images: packed once by tests/practice/images/build, laid where each node takes them from. There is no registry.

readonly laid_images=rancher/k3s/agent/images

# choose_images [LIST]: this run's word, else the last one's, else the quick stand-ins. Sets chosen_images.
choose_images() {
  local list=${1:-}
  [[ -n $list ]] || list=$(cat "$state/images" 2>/dev/null || printf n8n-twin,contract)
  IFS=, read -ra chosen_images <<<"$list"
  ((${#chosen_images[@]})) || fail 'the list of images is empty' '--images n8n-twin,contract' 2
}

# pack_images: before anything is booted for them. Only what can be packed is a choice to remember.
pack_images() {
  local name names=(traefik)
  is_k3s_itself || names+=(busybox ${bare:+local-path})
  for name in "${names[@]}" "${chosen_images[@]}"; do tarballs_of "$name" >/dev/null; done
  (IFS=, && printf '%s\n' "${chosen_images[*]}") | write_file "$state/images" 0600
}

tarballs_of() {
  "$here/images/build" "$1" || fail "the image $1 could not be packed" 'look at its lines above'
}

# lay_image NODE TARBALL: into the folder K3s imports from, instead of an older build of the same name.
lay_image() {
  local folder=$machine_folders/$1/$laid_images file=${2##*/}
  mkdir -p "$folder"
  find "$folder" -regextype posix-extended -regex ".*/${file%-*}-[0-9a-f]+\.tar" -delete
  # K3s notes whole seconds, and imports at every start what is younger than its note.
  [[ $(stat -c %y "$2") == *.000000000\ * ]] || touch -d "@$(stat -c %Y "$2")" "$2"
  # A hard link where that is possible: tarballs are large.
  ln -f "$2" "$folder/$file" 2>/dev/null || { cp -p "$2" "$folder/.$file" && mv -f "$folder/.$file" "$folder/$file"; }
}

# is_laid NODE TARBALL: this very one.
is_laid() {
  local laid=$machine_folders/$1/$laid_images/${2##*/}
  [[ -e $laid && ! $laid -ot $2 && ! $laid -nt $2 ]]
}

# renew_images NODE TARBALL IMAGE...: older ones under the same names go first, or they would pass for the new ones. With
# them go their references by digest: a Node tells of 50 images, and those nobody runs any more would take the places.
renew_images() {
  local node=$1 tarball=$2 old=()
  if is_laid "$node" "$tarball"; then return; fi
  mapfile -t old < <(inside "$node" k3s ctr -n k8s.io images ls 2>/dev/null | references_of "${@:3}")
  # Not there yet is as good as gone.
  ((${#old[@]} == 0)) || inside "$node" k3s ctr -n k8s.io images rm "${old[@]}" >/dev/null 2>&1 || true
  lay_image "$node" "$tarball"
}

# references_of IMAGE...: out of containerd's list on stdin, each reference to what these names lead to.
references_of() {
  local image list=''
  for image in "$@"; do list+=" $(full_name "$image")"; done
  awk -v list="$list " '
    NR > 1 { digest[$1] = $3 }
    END {
      for (one in digest) if (index(list, " " one " ")) gone[digest[one]] = 1
      for (one in digest) if (digest[one] in gone) print one
    }'
}

# full_name IMAGE: as the nodes know it.
full_name() { printf 'docker.io/%s\n' "${1#docker.io/}"; }

# lay_local_storage: where K3s keeps what it bundles, on every server to be. The practice k3s bundles no storage.
lay_local_storage() {
  local name folder
  for name in "$server" "${spare_servers[@]}"; do
    folder=$machine_folders/$name/rancher/k3s/server/manifests
    mkdir -p "$folder"
    write_file "$folder/local-storage.yaml" 0600 <"$platform/local-storage.yaml"
  done
}

# images_in TARBALL: their names with tags, as the tarball itself tells.
images_in() {
  tar -xOf "$1" --no-anchored --occurrence=1 manifest.json |
    node -p 'JSON.parse(fs.readFileSync(0, "utf8")).flatMap((image) => image.RepoTags).join("\n")'
}

# ensure_images NAME NODE...: lays what it is packed in and waits until every node has it.
ensure_images() {
  local built tarballs tarball list images node
  built=$(tarballs_of "$1")
  mapfile -t tarballs <<<"$built"
  for tarball in "${tarballs[@]}"; do
    list=$(images_in "$tarball")
    mapfile -t images <<<"$list"
    for node in "${@:2}"; do renew_images "$node" "$tarball" "${images[@]}"; done
    if ! have_images "${images[*]}" "${@:2}"; then timed "images of $1 on ${*:2}" await_images "${images[*]}" "${@:2}"; fi
  done
}

await_images() {
  until_true 300 have_images "$@" ||
    fail "a node did not import $1 within 300 s" "tests/practice/practice ssh $2 journalctl -u $(unit_of "$2") -n 50"
}

# have_images IMAGES NODE...: one question a node, however many images.
have_images() {
  local wanted=$1
  each has_images "${@:2}"
}

# has_images NODE: what have_images wants.
has_images() {
  local image known
  known=$(inside "$1" k3s ctr -n k8s.io images ls -q 2>/dev/null) || return
  for image in $wanted; do [[ $'\n'$known$'\n' == *$'\n'"$(full_name "$image")"$'\n'* ]] || return; done
}

# ensure_told NODE...: their Nodes list every chosen image. A kubelet looks for new ones twice a minute, and the kit
# asks the Nodes which have an image of the operator's own.
ensure_told() {
  local name tarball images=()
  for name in "${chosen_images[@]}"; do
    for tarball in $(tarballs_of "$name"); do mapfile -t -O "${#images[@]}" images < <(images_in "$tarball"); done
  done
  if ! are_told "${images[*]}" "$@"; then
    timed "nodes tell of ${#images[@]} images (up to half a minute)" await_told "${images[*]}" "$@"
  fi
}

await_told() {
  until_true 120 are_told "$@" || fail 'a node does not tell of its images' 'look at its kubelet: journalctl -u k3s-agent'
}

# are_told IMAGES NODE...
are_told() {
  local image node told
  for node in "${@:2}"; do
    told=" $(kube get node "$node" -o 'jsonpath={.status.images[*].names[*]}') " || return
    for image in $1; do [[ $told == *" $(full_name "$image") "* ]] || return; done
  done
}
