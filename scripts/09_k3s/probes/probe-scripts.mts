// The scripts of the probes: shell for busybox, whose image K3s brings for its volumes. Its httpd serves them as CGI.

/** Bytes of the payload: some forty packets of a usual size. */
const payloadBytes = 65_536

/** Text that no other program sends. */
const mark = 'keybuzz-probe'

const answer = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
`

/** Served to every client; no script has an argument. */
export const servedScripts = {
  /** Shows that a probe answers, and on which node. */
  who: `${answer}echo "${mark} $NODE_NAME"
`,
  /** Sends more than fits into one packet. */
  payload: `${answer}head -c ${payloadBytes} /dev/zero
`,
  /** Shows what the ingress reports about the client. */
  visitor: `${answer}echo "for=$HTTP_X_FORWARDED_FOR proto=$HTTP_X_FORWARDED_PROTO"
`,
}

/**
 * Requested by the kit through the API server, which sorts parameters: `reach?ask=ITEM|ITEM...` has only one. Prints a
 * line for each item: its index, a blank, and `yes`; nothing after the blank when it failed. Eight run at a time.
 * - `who=ADDRESS:PORT`: a probe answers there; `who=ADDRESS:PORT,NODE`: the probe of that node
 * - `payload=`, `site=`, `page=ADDRESS:PORT`: its payload, the canary by its name, the health page of the ingress
 * - `nameless=ADDRESS:PORT`: the health page by HTTP/1.0 without Host, as in HAProxy's classic check
 * - `inside`, `outside`: a name of the cluster, and one outside, are resolved
 * - `open=ADDRESS:PORT`: a TCP connection succeeds; `no` when it fails
 * - `login=ADDRESS:PORT,ROLE/DATABASE`: PostgreSQL asks for the password; `no` when its pg_hba.conf refuses before.
 *   No password is sent. Its messages are translated, but never the name of that file
 *
 * Any pod of the cluster can send such a request too: therefore the client cannot choose a path, host name or header,
 * no loopback or link-local (cloud metadata) address is requested, and no received content is returned.
 */
const reach = `${answer}domain=$(sed -n 's/^search [^ ]*\\.svc\\.\\([^ ]*\\).*/\\1/p' /etc/resolv.conf)
ask() { timeout 3 wget -q -O - "$@" 2>/dev/null; }
nameless() {
  printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "$HEALTH_PATH" | timeout 3 nc "$1" "$2" 2>/dev/null | head -n 1 | grep -q ' 200 '
}
# A program in the place of the two pipes: it is started once the connection is there, and what the other side does
# then has no part in it.
opens() {
  timeout 3 nc -w 2 "$1" "$2" -e true >/dev/null 2>&1
  case $? in 0) echo yes ;; 1) echo no ;; esac
}
# The first message of protocol 3.0: its length, 196608, and two pairs of words.
greeting() {
  printf '\\000\\000\\000'
  printf "\\\\$(printf %03o $((25 + \${#1} + \${#2})))"
  printf '\\000\\003\\000\\000user\\000%s\\000database\\000%s\\000\\000' "$1" "$2"
}
logs_in() {
  reply=$(greeting "$3" "$4" | timeout 3 nc -w 2 "$1" "$2" 2>/dev/null | head -c 1000 | tr -d '\\000')
  case $reply in R*) echo yes ;; E*pg_hba.conf*) echo no ;; E*) echo yes ;; esac
}
is_probe() {
  if [ "$2" = '*' ]; then case $1 in '${mark} '*) ;; *) return 1 ;; esac; else [ "$1" = "${mark} $2" ]; fi
}
one() {
  kind=\${2%%=*} to=\${2#*=} node='*' seen=
  case $to in *,*) node=\${to#*,} to=\${to%%,*} ;; esac
  case $kind:$to in
    inside:inside) timeout 6 nslookup -type=a "kubernetes.default.svc.$domain" >/dev/null 2>&1 && seen=yes ;;
    outside:outside) timeout 6 nslookup -type=a "$OUTSIDE_NAME" >/dev/null 2>&1 && seen=yes ;;
    *:*[!0-9.:]* | *:*:*:* | *:127.* | *:0* | *.0[0-9]* | *:169.254.*) ;;
    who:*.*.*.*:?*) is_probe "$(ask "http://$to/cgi-bin/who")" "$node" && seen=yes ;;
    payload:*.*.*.*:?*) [ "$(ask "http://$to/cgi-bin/payload" | wc -c)" = ${payloadBytes} ] && seen=yes ;;
    page:*.*.*.*:?*) ask "http://$to$HEALTH_PATH" >/dev/null && seen=yes ;;
    nameless:*.*.*.*:?*) nameless "\${to%:*}" "\${to##*:}" && seen=yes ;;
    open:*.*.*.*:?*) seen=$(opens "\${to%:*}" "\${to##*:}") ;;
    login:*.*.*.*:?*)
      case $node in
        *[!A-Za-z0-9_/-]* | */*/* | /* | */) ;;
        */*) [ \${#node} -gt 200 ] || seen=$(logs_in "\${to%:*}" "\${to##*:}" "\${node%/*}" "\${node#*/}") ;;
      esac
      ;;
    site:*.*.*.*:?*) is_probe "$(ask --header "Host: $CANARY_HOST" "http://$to/cgi-bin/who")" '*' && seen=yes ;;
  esac
  echo "$1 $seen"
}
set -f
IFS='|' count=0
# On its way | : / and , became %7C and so on, and kubectl has added its own timeout.
ask=\${QUERY_STRING#ask=}
for item in $(printf '%b' "$(echo "\${ask%%&*}" | sed 's/%/\\\\x/g')"); do
  one $count "$item" &
  count=$((count + 1))
  [ $((count % 8)) -ne 0 ] || wait
done
wait
`

/** Writes a file into the volume, reads it, and removes it. */
const volume = `${answer}file=/volume/proof-$$
echo "$file" >"$file" && sync && [ "$(cat "$file")" = "$file" ] && rm "$file" && echo written
`

/** Served on askedPort, to which no Service and no Ingress leads. `who` shows whether that port is open. */
export const askedScripts = { reach, volume, who: servedScripts.who }
