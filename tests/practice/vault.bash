# shellcheck shell=bash disable=SC2154  # helper.bash, which is loaded before, names the places
# What the tests with a real OpenBao share. The injector is the real one where PRACTICE_PARTS has vault-k8s, else a stand-in.
vault_folder=$BATS_FILE_TMPDIR
# shellcheck source=tests/practice/openbao.bash
source tests/practice/openbao.bash

# vault_comes_up IMAGES: the platform with the injector's images beside these, and an OpenBao that the kit knows.
vault_comes_up() {
  come_up_with "$1,vault"
  ensure_ground
  forget_vault
  # One that a killed run left.
  end_vault
  start_vault
  tell_of_vault
}

# vault_goes IMAGES: and everything of it. The platform comes up again, which also writes versions.json as it was.
vault_goes() {
  forget_vault
  end_vault
  come_up_with "$1"
}

# come_up_with IMAGES: the platform there is, of whichever kind.
come_up_with() {
  if ! "$practice" is bare; then
    "$practice" up --images "$1"
  else
    ensure_k3s_cluster --images "$1"
    "$practice" images
  fi
}

# injector_is_real: whether the images are made with the program of PRACTICE_PARTS.
injector_is_real() { [[ -f ${PRACTICE_PARTS:-}/vault-k8s || -f ${PRACTICE_PARTS:-}/vault-k8s.xz ]]; }

# vault FLAG...: a run of module 14 that never asks, with the token for the set-up. configured: the same without it.
vault() { KEYBUZZ_VAULT_TOKEN=$(root_token) kit --module 14 --yes "$@"; }
configured() { kit --module 14 --yes "$@"; }
root_token() { cat "$vault_folder/root-token"; }

# approle FLAG...: as vault, by the AppRole of the set-up, which may do what its README lists and nothing else.
approle() {
  KEYBUZZ_VAULT_ROLE_ID=$(bao read -field=role_id auth/approle/role/keybuzz-setup/role-id) \
    KEYBUZZ_VAULT_SECRET_ID=$(secret_id) kit --module 14 --yes "$@"
}
secret_id() { cat "$vault_folder/secret-id"; }

# make_approle: with the policy keybuzz-setup.hcl as the README of module 14 has it.
make_approle() {
  bao "policy write keybuzz-setup - <<'POLICY'
$(sed -n '/^path "/p' scripts/14_vault/README.md)
POLICY"
  bao auth enable approle
  bao write auth/approle/role/keybuzz-setup token_policies=keybuzz-setup token_ttl=1h
  (umask 077 && bao write -f -field=secret_id auth/approle/role/keybuzz-setup/secret-id >"$vault_folder/secret-id")
}

# forget_vault: as if module 14 had never been there. The webhook first: without an injector it refuses pods.
forget_vault() {
  kubectl delete mutatingwebhookconfiguration keybuzz-vault-injector --ignore-not-found
  kubectl delete clusterrole keybuzz-vault-injector --ignore-not-found
  kubectl delete clusterrolebinding keybuzz-vault-injector keybuzz-vault-reviewer --ignore-not-found
  kubectl delete namespace vault-check vault-injector vault-reviewer --ignore-not-found --timeout=120s
  kubectl delete secrets --namespace keybuzz-system --selector keybuzz.io/revision-of=14_vault --ignore-not-found
  rm -f "$credentials"/14_vault.*
  forget_address
}
