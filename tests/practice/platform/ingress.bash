# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names: practice sources them all
# Traefik on every node, in the role ingress-nginx has with an operator.

ensure_ingress() {
  local tarball image
  ensure_images traefik "${nodes[@]}"
  tarball=$(tarballs_of traefik)
  image=$(images_in "$tarball")
  sed "s#@IMAGE@#$image#" "$platform/traefik.yaml" | kube apply --server-side --force-conflicts -f - >/dev/null
  if ! ingress_serves; then timed "Traefik on ${nodes[*]#practice-}" await_ingress; fi
}

await_ingress() {
  until_true 120 ingress_serves || {
    kube -n ingress get pods -o wide >&2 || true
    fail 'Traefik does not answer on every node after 120 s' 'tests/practice/practice kubectl -n ingress logs daemonset/traefik'
  }
}

# ingress_serves: each node answers on port 80; 404 is its word for a host no Ingress names.
ingress_serves() {
  local node
  for node in "${nodes[@]}"; do
    [[ $(http_status "${address[$node]}" 80) == 404 ]] || return 1
  done
}

# http_status ADDRESS PORT: of a plain GET. Bash alone: the outer machine may have no curl.
http_status() {
  (
    exec 3<>"/dev/tcp/$1/$2" || exit
    printf 'GET / HTTP/1.1\r\nHost: nobody.practice.example.com\r\nConnection: close\r\n\r\n' >&3
    read -r -t 3 _ status _ <&3 && printf '%s' "$status"
  ) 2>/dev/null || true
}
