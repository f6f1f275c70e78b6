/**
 * A mail address with a name, as RFC 5322 requires: unquoted, `Acme, Inc. <a@example.com>` would be two addresses.
 * @param name letters of any language are left to the mail library, which encodes them
 */
export function mailbox(name: string, address: string): string {
  const quoted = /[()<>[\]:;@\\,."]/.test(name) ? `"${name.replaceAll(/[\\"]/g, String.raw`\$&`)}"` : name
  return `${quoted} <${address}>`
}
