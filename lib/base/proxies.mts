import { sensitive } from './sensitive.mts'

const names = ['http_proxy', 'https_proxy', 'all_proxy', 'ftp_proxy']

/**
 * Registers the passwords of this machine's proxies for redaction: programs print the whole URL in their errors. A
 * password may contain `@` and `/`, which URL parsers reject: it ends at the last `@`.
 */
export function rememberProxyPasswords(environment: NodeJS.ProcessEnv = process.env): void {
  for (const [name, value = ''] of Object.entries(environment)) {
    if (!names.includes(name.toLowerCase())) continue
    const [, password] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^:@]*:(.+)@/i.exec(value) ?? []
    if (password === undefined) continue
    sensitive(password)
    try {
      sensitive(decodeURIComponent(password))
    } catch {
      // Not percent-encoded: the text itself is the password.
    }
  }
}
