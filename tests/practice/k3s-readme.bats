#!/usr/bin/env bats
# The README's five commands from bare machines to a validated cluster, typed as they stand there on a terminal of its own,
# in a copy of the kit that has nothing yet: no packages, no key, no files of K3s. What an operator would have besides: a
# key in ~/.ssh, an editor, a release to fetch, and here settings of this platform. About 200 s on 2 cores.
# bats file_tags=long

setup_file() {
  load helper
  bare_machines
}

setup() {
  load helper
  kit=$BATS_TEST_TMPDIR/kit
  typing=$BATS_TEST_TMPDIR/typing
  mkdir -p "$typing" "$kit/credentials"
}

teardown() {
  type_keys kill-server 2>/dev/null || true
  [[ -z ${server:-} ]] || kill "$server"
  explain_failure kube-system
  explain_services master-01 master-02 master-03 worker-01 worker-02
  [[ -n ${BATS_TEST_COMPLETED:-} ]] || tail -c 4000 "$typing/seen"
}

# five_commands: the lines of README.md; the environment is called practice here, as it says that it may have any name.
five_commands() { typed cluster README.md | sed 's/staging/practice/g'; }

# copy_kit: what a clone has of it, without credentials and packages.
copy_kit() {
  cp -r 00_master_install.mjs bin lib scripts package.json package-lock.json versions.json servers.example.tsv "$kit/"
}

# laid_file ENTRY: the file of that entry in the platform's versions.json.
laid_file() { sed -nE "/\"$1\":/s/.*\"file\": \"([^\"]+)\".*/\1/p" "$credentials/versions.json"; }

# fetched ENTRY NAME: the copy fetches that entry by this name, with no checksum but the list's.
fetched() { sed -i -E "/\"$1\":/s|\"file\": \"[^\"]+\", \"sha256\": \"[0-9a-f]+\"|\"places\": [\"artifacts/$2\"]|" "$kit/$credentials/versions.json"; }

# publish_release: the platform's K3s on loopback, under the names of a release; $release is its address. The practice
# build reads no .tar.zst: with it the images are laid by hand, as before.
publish_release() {
  local program=k3s arch=amd64 folder=$BATS_TEST_TMPDIR/release images
  [[ $(uname -m) == x86_64 ]] || program=k3s-arm64 arch=arm64
  mkdir -p "$folder"
  cp "$(laid_file k3s)" "$folder/$program"
  fetched k3s "$program"
  images=$(laid_file k3s-images)
  if [[ $images == *.tar.zst ]]; then
    cp "$images" "$folder/k3s-airgap-images-$arch.tar.zst"
    fetched k3s-images "k3s-airgap-images-$arch.tar.zst"
  fi
  (cd "$folder" && sha256sum -- k3s* >"sha256sum-$arch.txt")
  bin/ts tests/practice/release-server.mts "$folder" >"$BATS_TEST_TMPDIR/address" 3>&- &
  server=$!
  for _ in {1..100}; do [[ ! -s $BATS_TEST_TMPDIR/address ]] || break; sleep 0.1; done
  release=$(<"$BATS_TEST_TMPDIR/address")
  [[ $release == http://127.0.0.1:* ]]
}

# type_keys WORDS...: tmux on a server of its own, which has this test's environment.
type_keys() { tmux -L "keybuzz-readme-$$" "$@"; }

# open_terminal: a shell in the copy that writes down how each command ended.
open_terminal() {
  local home=$BATS_TEST_TMPDIR/home
  install -d -m 700 "$home/.ssh"
  install -m 600 "$credentials/id_ed25519" "$home/.ssh/id_ed25519"
  printf '%s\n' '#!/bin/sh' '# Stand-in of an editor: the example is there, and becomes the rows of this platform.' \
    'grep -q k8s-master-01 "$1" || exit 1' "cp '$PWD/$credentials/servers.tsv' \"\$1\"" >"$typing/editor"
  chmod +x "$typing/editor"
  # What npm keeps and knows is that of whoever runs the tests.
  env npm_config_cache="$HOME/.npm" npm_config_userconfig="$HOME/.npmrc" HOME="$home" EDITOR="$typing/editor" \
    PROMPT_COMMAND="echo \$? >>'$typing/codes'" \
    tmux -L "keybuzz-readme-$$" new-session -d -x 200 -y 50 -c "$kit" 'bash --noprofile --norc'
  type_keys pipe-pane "cat >>'$typing/seen'"
  until_codes 1 100
}

# until_codes MANY TENTHS: the shell asks for a command again, MANY were asked for; the host keys are the platform's.
until_codes() {
  local said=no
  for ((left = $2; left > 0; left--)); do
    [[ ! -e $typing/codes || $(wc -l <"$typing/codes") -lt $1 ]] || return 0
    if [[ $said == no ]] && type_keys capture-pane -p | grep -qF 'Are these the keys of your 5 hosts?'; then
      type_keys send-keys y
      said=yes
    fi
    sleep 0.1
  done
  return 1
}

@test "five commands of the README, typed as they stand there, make a validated cluster of bare machines" {
  mapfile -t commands < <(five_commands)
  assert_equal "${#commands[@]}" 5
  copy_kit
  # Answers to what the last one would ask, and images where there is no registry.
  install -D -m 600 -t "$kit/$credentials" "$credentials"/{platform.env,09_k3s.env,versions.json}
  publish_release
  printf '%s\n' "ARTIFACTS_URL='$release'" >>"$kit/$credentials/09_k3s.env"
  open_terminal
  for at in "${!commands[@]}"; do
    echo "types: ${commands[at]}"
    type_keys send-keys -l -- "${commands[at]}"
    type_keys send-keys Enter
    until_codes $((at + 2)) 9000
    assert_equal "$(tail -n 1 "$typing/codes")" 0
  done
  run -0 grep -rhE '[0-9]+ checks passed' "$kit/logs/practice"
  assert [ -s "$kit/validation/practice/MODULE09_VALIDATION.md" ]
  run -0 grep -c 'release checksum file fetched from 127.0.0.1' "$kit/$credentials/trusted-files.json"
  # Whoever typed them owns the cluster: the files after this one go on with it.
  rm "$kit/$credentials/versions.json"
  sed -i '/^ARTIFACTS_URL=/d' "$kit/$credentials/09_k3s.env"
  cp -a "$kit/$credentials/." "$credentials/"
  run -0 kubectl get nodes --no-headers
  assert_equal "${#lines[@]}" 5
  refute_output --partial NotReady
  "$practice" images
}
