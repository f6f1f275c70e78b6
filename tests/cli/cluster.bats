# What is said when the cluster, its kubeconfig or kubectl is not as it must be. No cluster is asked here.
setup() {
  load helper
  make_kit
  complete_platform
  apply_all=scripts/12_n8n/12_n8n_apply_all.mts
}

use_kubeconfig() { install -m 600 "$repository/tests/fixtures/kubeconfig.yaml" credentials/dev/kubeconfig; }

# stub_kubectl: a kubectl that answers with what its stdin holds, on stderr, and exit 1.
stub_kubectl() {
  cat >"$BATS_TEST_TMPDIR/said"
  printf '#!/usr/bin/env bash\ncat "%s" >&2\nexit 1\n' "$BATS_TEST_TMPDIR/said" >"$BATS_TEST_TMPDIR/kubectl"
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
  export KEYBUZZ_KUBECTL=$BATS_TEST_TMPDIR/kubectl
}

@test "no kubeconfig: exit 3, with what to do" {
  run -3 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'there is no credentials/dev/kubeconfig'
  assert_regex "$stderr" 'install module 9'
}

@test "a kubeconfig others may read: exit 2" {
  use_kubeconfig
  chmod 644 credentials/dev/kubeconfig
  run -2 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'kubeconfig can be read by others'
}

@test "a damaged kubeconfig: exit 2" {
  save_settings kubeconfig 'current-context: nowhere'
  run -2 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'does not lead to a cluster'
}

@test "a kubeconfig with a map for a list, a versions.json of null: exit 2 with file and field" {
  use_kubeconfig
  printf 'users: {}\n' >>credentials/dev/kubeconfig
  sed -i '/^users:$/,/token/d' credentials/dev/kubeconfig
  run -2 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'credentials/dev/kubeconfig: users is a map, not a list'
  use_kubeconfig
  echo null >credentials/dev/versions.json
  run -2 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'credentials/dev/versions.json: is null, not a map'
}

@test "an expired client certificate: exit 7 with its date" {
  use_kubeconfig
  certificate=$(base64 -w0 "$repository/tests/fixtures/expired.pem")
  sed -i "s/token: example-token/client-certificate-data: $certificate/" credentials/dev/kubeconfig
  run -7 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'client certificate in credentials/dev/kubeconfig expired'
}

@test "a kubeconfig that takes any certificate, or sends its token in clear: exit 7, no kubectl is started" {
  use_kubeconfig
  stub_kubectl <<<'started'
  sed -i 's/certificate-authority-data: [^ ]*/insecure-skip-tls-verify: true/' credentials/dev/kubeconfig
  run -7 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'insecure-skip-tls-verify takes any certificate of 192.0.2.1:6443'
  refute_regex "$stderr" 'started'
  use_kubeconfig
  sed -i 's,https://,http://,' credentials/dev/kubeconfig
  run -7 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'http:// to 192.0.2.1:6443 is not encrypted'
  refute_regex "$stderr" 'started'
}

@test "a kubeconfig that logs in by a program: the program is named before kubectl starts it" {
  use_kubeconfig
  stub_kubectl <<<'error: You must be logged in to the server (Unauthorized)'
  sed -i 's,{ token: example-token },{ exec: { command: cluster-login } },' credentials/dev/kubeconfig
  run -8 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'credentials/dev/kubeconfig logs in by a program of this machine: cluster-login'
}

@test "no kubectl anywhere: exit 3" {
  use_kubeconfig
  mkdir bin-only
  for program in bash node env dirname readlink sh ps; do ln -s "$(command -v $program)" bin-only/; done
  run -3 --separate-stderr env PATH="$PWD/bin-only" "$apply_all" --env dev
  assert_regex "$stderr" 'there is no kubectl on this machine'
}

@test "the kubectl on PATH is further than one version from the cluster: exit 3 with both; named by KEYBUZZ_KUBECTL it is used" {
  use_kubeconfig
  mkdir on-path
  # A kubectl that knows only its version, and that of the cluster.
  cat >on-path/kubectl <<'TEXT'
#!/bin/bash
[[ " $* " == *' version '* ]] || { echo 'asked for more' >&2; exit 1; }
echo '{"clientVersion":{"major":"1","minor":"34","gitVersion":"v1.34.2"},"serverVersion":{"major":"1","minor":"36+","gitVersion":"v1.36.3+k3s1"}}'
TEXT
  chmod +x on-path/kubectl
  PATH=$PWD/on-path:$PATH run -3 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'on-path/kubectl is v1.34.2, the API server v1.36.3\+k3s1'
  assert_regex "$stderr" 'install kubectl 1.36'
  PATH=$PWD/on-path:$PATH KEYBUZZ_KUBECTL=$PWD/on-path/kubectl run -9 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'asked for more'
  sed -i 's/34/35/g' on-path/kubectl
  PATH=$PWD/on-path:$PATH run -9 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'asked for more'
}

@test "KEYBUZZ_KUBECTL that cannot be run: exit 3" {
  use_kubeconfig
  KEYBUZZ_KUBECTL=/nowhere/kubectl run -3 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" '/nowhere/kubectl cannot be run'
}

@test "an API server that cannot be reached: exit 6" {
  use_kubeconfig
  stub_kubectl <<<'The connection to the server 192.0.2.1:6443 was refused - did you specify the right host or port?'
  run -6 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'the API server cannot be reached'
}

@test "started without a HOME, as by systemd: kubectl gets one, and leaves no cache in the folder of the run" {
  use_kubeconfig
  # shellcheck disable=SC2016  # for the stub
  printf '%s\n' '#!/bin/bash' 'echo "at home in $HOME" >&2; exit 1' >"$BATS_TEST_TMPDIR/kubectl"
  chmod +x "$BATS_TEST_TMPDIR/kubectl"
  run -9 --separate-stderr env -u HOME KEYBUZZ_KUBECTL="$BATS_TEST_TMPDIR/kubectl" "$apply_all" --env dev
  assert_regex "$stderr" "at home in $(getent passwd "$(id -u)" | cut -d: -f6)"
}

@test "a proxy that does not let kubectl through: exit 6, with the way out, without the proxy's password" {
  use_kubeconfig
  stub_kubectl <<<'Unable to connect to the server: Forbidden'
  HTTPS_PROXY=http://operator:secret-3Aa@192.0.2.9:3128 run -6 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'the proxy of this machine does not let kubectl through'
  assert_regex "$stderr" 'NO_PROXY'
  refute_regex "$stderr" 'secret-3Aa'
}

@test "a user the API server does not know: exit 8" {
  use_kubeconfig
  stub_kubectl <<<'error: You must be logged in to the server (Unauthorized)'
  run -8 --separate-stderr "$apply_all" --env dev
}

@test "a certificate nobody trusts: exit 7" {
  use_kubeconfig
  stub_kubectl <<<'Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority'
  run -7 --separate-stderr "$apply_all" --env dev
}

@test "a missing right: exit 8" {
  use_kubeconfig
  stub_kubectl <<<'Error from server (Forbidden): nodes is forbidden: User "ops" cannot list resource "nodes"'
  run -8 --separate-stderr "$apply_all" --env dev
  assert_regex "$stderr" 'cluster-admin'
}
