import { randomInt } from 'node:crypto'
import { envText, parseEnvFile } from '../../lib/settings/env-file.mts'
import { tlsOf } from '../../lib/settings/backend-tls.mts'
import { resolve, typed } from '../../lib/settings/settings.mts'
import { savedSettings } from '../../lib/settings/credentials.mts'
import { createPostgres } from '../../lib/backends/postgres.mts'
import { logIn } from '../../lib/backends/postgres-login.mts'
import { secretEnv } from '../../lib/kube/manifests/objects.mts'
import { sensitive } from '../../lib/base/sensitive.mts'
import { createWrites } from '../../lib/base/writes.mts'
import { n8n } from '../../scripts/12_n8n/module.mts'

// Random passwords through every sink a role's password has: settings file, Secret, URL, the server's verifier, a
// real login. The databases are dropped again by the file that calls this.

const all = Array.from({ length: 95 }, (_, code) => String.fromCharCode(code + 32)).join('') + 'éßÄ漢字🔑'
const letters = Array.from(all)
const wanted = 2000

/** A random password the settings file can hold: those it cannot are refused by name before anything happens. */
function draw(): string {
  for (;;) {
    const text = Array.from({ length: 8 + randomInt(24) }, () => letters[randomInt(letters.length)]).join('')
    const password = randomInt(4) === 0 ? `-${text}` : text
    if (!(password.includes("'") && password.includes('`')) && password.trim() === password) return password
  }
}

const env = process.argv[3] ?? ''
const settings = typed(
  env,
  resolve(n8n.shared, { env, overrides: {}, saved: savedSettings(env, n8n), variables: {} }),
)
const tls = tlsOf(settings, 'POSTGRES')
const { POSTGRES_HOST: host, POSTGRES_PORT: port } = settings
const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
let logins = 0

/** Through file, Secret and URL: it must come back as it was. */
function throughText(password: string): string {
  const read = parseEnvFile('answers', envText({ PASSWORD: password }))['PASSWORD'] ?? ''
  const data = secretEnv('n', 's', { P: sensitive(read) }).data?.['P'] ?? ''
  const inSecret = Buffer.from(data, 'base64').toString()
  return decodeURIComponent(new URL(`redis://:${encodeURIComponent(inSecret)}@192.0.2.1/`).password)
}

/** One role whose password is set again and again, each time by the kit, and used by somebody else. */
async function one(name: string, count: number): Promise<void> {
  const postgres = createPostgres(settings, writes, { warn: () => {}, ok: () => {}, claim: 'keybuzz test' })
  for (let done = 0; done < count; done += 1) {
    const password = draw()
    const fromText = throughText(password)
    if (fromText !== password) throw new Error(`came back changed after ${done}`)
    const [owner, connections, supportedFrom] = [name, 4, 10]
    await postgres.ensureDatabase({ name, owner, password: sensitive(fromText), connections, supportedFrom })
    const login = { host: String(host), port: Number(port), user: name, database: name, tls }
    await (await logIn({ ...login, password: sensitive(password) })).end()
    logins += 1
  }
  await postgres.close()
}

const roles = ['a', 'b', 'c', 'd'].map((letter) => `n8n_${env}_${letter}`)
await Promise.all(roles.map((role) => one(role, wanted / roles.length)))
console.log(`${wanted} passwords, ${logins} logins`)
