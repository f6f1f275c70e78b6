#!/usr/bin/env bats
# Which K3s the practice platform takes, and what it does to the files it is given. No machine is booted; the program is
# a stand-in that only tells a version.
# shellcheck disable=SC2154  # names bats gives

setup() {
  load helper
  export KEYBUZZ_PRACTICE_CACHE=$BATS_TEST_TMPDIR/cache
  unset PRACTICE_PARTS
  parts=$BATS_TEST_TMPDIR/parts
  mkdir -p "$parts"
  printf '#!/bin/sh\n# Stand-in of k3s.\necho k3s version v1.36.5+k3s1\n' >"$parts/k3s"
  printf 'images' >"$parts/k3s-airgap-images-amd64.tar.zst"
  chmod 0644 "$parts"/*
}

# parts_do WORDS...: them in a shell of its own that has the platform's parts; its state is in the test's folder.
parts_do() {
  bash -c '
    set -Eeuo pipefail
    repo=$1 platform=$1/tests/practice/platform
    source <(sed "s#/var/lib/keybuzz-practice#$2/state#; s#/run/keybuzz-practice#$2/run#" "$platform/common.bash")
    source "$platform/parts.bash"
    mkdir -p "$state"
    "${@:3}"
  ' parts_do "$repository" "$BATS_TEST_TMPDIR" "$@"
}

# choose [WORD]: chooses, and prints what is chosen.
choose() {
  # shellcheck disable=SC2016 # expanded where the parts are
  parts_do eval 'choose_k3s "'"${1:-}"'"; if is_k3s_itself; then echo "itself $given_k3s $given_images"; else echo practice build; fi'
}

@test "without a word and without parts it is the practice build" {
  run choose
  assert_success
  assert_output 'practice build'
}

@test "release files as downloaded are taken into the cache, executable, and stay chosen until down" {
  run choose "$parts/k3s,$parts/k3s-airgap-images-amd64.tar.zst"
  assert_success
  assert_output --regexp '^itself .*/cache/given/[0-9a-f]{16}/k3s .*/k3s-airgap-images-amd64\.tar\.zst$'
  first=$output
  assert [ -x "$(cut -d' ' -f2 <<<"$first")" ]
  assert_equal "$(stat -c %a "$parts/k3s")" 644
  # The next run says nothing of it, and needs the originals no more.
  rm -rf "$parts"
  run choose
  assert_output "$first"
}

@test "another K3s under a platform that is up is refused" {
  choose
  run choose "$parts/k3s,$parts/k3s-airgap-images-amd64.tar.zst"
  assert_failure
  assert_output --partial 'the platform was brought up with another K3s'
  assert_output --partial 'next: tests/practice/practice down, then up'
}

@test "parts are used where no --k3s was given" {
  PRACTICE_PARTS=$parts run choose
  assert_output --regexp '^itself '
}

@test "a part that its list of checksums does not have so is refused before anything runs" {
  (cd "$parts" && sha256sum k3s* >SHA256SUMS)
  PRACTICE_PARTS=$parts run choose
  assert_success
  rm -rf "$BATS_TEST_TMPDIR/state"
  echo altered >>"$parts/k3s-airgap-images-amd64.tar.zst"
  PRACTICE_PARTS=$parts run choose
  assert_equal "$status" 7
  assert_output --partial 'k3s-airgap-images-amd64.tar.zst is not the one'
}

@test "one word alone, and a program of another kind of computer, are told" {
  run choose "$parts/k3s"
  assert_equal "$status" 2
  printf '\177ELF of another machine' >"$parts/k3s"
  run choose "$parts/k3s,$parts/k3s-airgap-images-amd64.tar.zst"
  assert_equal "$status" 3
  assert_output --partial 'does not run on this computer'
}

@test "a packed part is unpacked into the cache; one that is missing is no error, only a no" {
  echo program | xz >"$parts/vault-k8s.xz"
  (cd "$parts" && sha256sum vault-k8s.xz >SHA256SUMS)
  PRACTICE_PARTS=$parts run parts_do part vault-k8s
  assert_success
  assert_equal "$(cat "$output")" program
  PRACTICE_PARTS=$parts run parts_do part nothing
  assert_failure
  assert_output ''
}

@test "a part that something cannot be made without: exit 3 says where it comes from" {
  PRACTICE_PARTS=$parts run parts_do require_part 'the monitoring' kube-state-metrics 'github.com/kubernetes/kube-state-metrics, tag v2.20.0'
  assert_equal "$status" 3
  assert_output --partial 'the monitoring needs PRACTICE_PARTS=FOLDER with kube-state-metrics, or kube-state-metrics.xz'
  assert_output --partial 'next: build it from github.com/kubernetes/kube-state-metrics, tag v2.20.0'
  echo program >"$parts/kube-state-metrics"
  PRACTICE_PARTS=$parts run parts_do require_part 'the monitoring' kube-state-metrics 'github.com/kubernetes/kube-state-metrics, tag v2.20.0'
  assert_success
  assert_output "$parts/kube-state-metrics"
}
