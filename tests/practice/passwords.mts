import { randomInt } from 'node:crypto'
import { envText, parseEnvFile } from '../../lib/env-file.mts'
import { resolve, typed } from '../../lib/settings.mts'
import { savedSettings } from '../../lib/credentials.mts'
import { createPostgres } from '../../lib/postgres.mts'
import { logIn } from '../../lib/postgres-login.mts'
import { secretEnv } from '../../lib/objects.mts'
import { sensitive } from '../../lib/sensitive.mts'
import { createWrites } from '../../lib/writes.mts'
import { n8n } from '../../scripts/12_n8n/module.mts'

// Random passwords through every sink a role's password has: settings file, Secret, URL, the server's verifier, a
// real login. The database is dropped again by the file that calls this.

const all = Array.from({ length: 95 }, (_, code) => String.fromCharCode(code + 32)).join('') + 'éßÄ漢字🔑'
const letters = Array.from(all)
const wanted = 200

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
  resolve(n8n.shared, { env, given: {}, saved: savedSettings(env, n8n), variables: {} }),
)
const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
const name = `n8n_${env}`
let logins = 0

for (let count = 0; count < wanted; count += 1) {
  const password = draw()
  const read = parseEnvFile('answers', envText({ PASSWORD: password }))['PASSWORD'] ?? ''
  const inSecret = Buffer.from(
    secretEnv('n', 's', { P: sensitive(read) }).data?.['P'] ?? '',
    'base64',
  ).toString()
  const fromUrl = decodeURIComponent(new URL(`redis://:${encodeURIComponent(inSecret)}@192.0.2.1/`).password)
  if (fromUrl !== password) throw new Error(`came back changed after ${count}`)
  const postgres = createPostgres(settings, writes, { warn: () => {}, said: () => {} })
  await postgres.ensureDatabase({
    name,
    owner: name,
    password: sensitive(fromUrl),
    connections: 4,
    supportedFrom: 10,
  })
  await postgres.close()
  const { POSTGRES_HOST: host, POSTGRES_PORT: port } = settings
  const own = await logIn({
    host: String(host),
    port: Number(port),
    user: name,
    password: sensitive(password),
    database: name,
  })
  await own.end()
  logins += 1
}
console.log(`${wanted} passwords, ${logins} logins`)
