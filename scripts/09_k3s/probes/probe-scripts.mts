// What the probes run: shell texts for busybox, which K3s brings for its volumes. Its httpd serves them as CGI.

/** Bytes of the payload: some forty packets of any usual size. */
const payloadBytes = 65_536

const answer = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
`

/** Served to everybody who asks; none of it takes an argument. */
export const servedScripts = {
  /** Which node answers. */
  who: `${answer}echo "$NODE_NAME"
`,
  /** More than one packet holds. */
  payload: `${answer}head -c ${payloadBytes} /dev/zero
`,
  /** What the ingress told about the visitor. */
  visitor: `${answer}echo "for=$HTTP_X_FORWARDED_FOR proto=$HTTP_X_FORWARDED_PROTO"
`,
}

/**
 * Asked by the kit through the API server, which sorts parameters: `reach?ask=ITEM|ITEM...` is one. For each item a
 * line: its place in the question, a blank, what came back; nothing behind the blank when nothing did. Eight at a time.
 */
const reach = `${answer}domain=$(sed -n 's/^search [^ ]*\\.svc\\.\\([^ ]*\\).*/\\1/p' /etc/resolv.conf)
ask() { timeout 3 wget -q -O - "$@" 2>/dev/null; }
one() {
  kind=\${2%%=*} to=\${2#*=} seen=
  case $kind in
    who) seen=$(ask "http://$to/cgi-bin/who") ;;
    payload) [ "$(ask "http://$to/cgi-bin/payload" | wc -c)" = ${payloadBytes} ] && seen=whole ;;
    page) ask "http://$to" >/dev/null && seen=yes ;;
    site) seen=$(ask --header "Host: \${to#*,}" "http://\${to%%,*}/cgi-bin/who") ;;
    inside) timeout 6 nslookup -type=a "$to.$domain" >/dev/null 2>&1 && seen=yes ;;
    outside) timeout 6 nslookup -type=a "$to" >/dev/null 2>&1 && seen=yes ;;
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

/** Writes into the volume, reads it again, and removes it. */
const volume = `${answer}file=/volume/proof-$$
echo "$file" >"$file" && sync && [ "$(cat "$file")" = "$file" ] && rm "$file" && echo written
`

/** Served on a port of their own, which no Service and no Ingress leads to. `who`: whether that port is open. */
export const askedScripts = { reach, volume, who: servedScripts.who }
