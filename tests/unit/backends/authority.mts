import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A CA made for one test, and a server's key and certificate signed by it. PEM texts. */
export interface Authority {
  readonly ca: string
  readonly key: string
  readonly certificate: string
}

/** @param names of the server, as subjectAltName writes them: `IP:127.0.0.1,DNS:localhost` */
export function makeAuthority(names = 'IP:127.0.0.1'): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-ca-'))
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  try {
    const own = ['-x509', '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=test CA']
    openssl('req', ...curve, ...own)
    openssl('req', ...curve, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server')
    writeFileSync(join(folder, 'names'), `subjectAltName=${names}\n`)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
    const sign = [
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-out',
      'server.crt',
      '-days',
      '2',
      '-extfile',
      'names',
    ]
    openssl(...sign, ...by)
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    return { ca: read('ca.crt'), key: read('server.key'), certificate: read('server.crt') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
