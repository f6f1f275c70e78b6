import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed, warning } from '../../lib/checks/checks.mts'
import { explainLines } from '../../lib/kube/rollout/failure.mts'
import { requireHealthy } from '../../lib/backends/vault-health.mts'
import {
  isLoginUnable,
  isUnable,
  logInAsPod,
  openVault,
  readReply,
  unable,
} from '../../lib/backends/vault.mts'
import { anything, fields, mapOf } from '../../lib/base/shape.mts'
import { failures } from './failures.mts'
import { audience } from '../../lib/kube/manifests/injection.mts'
import { keyProblems } from './auth-config.mts'
import { readIssuer } from './issuer.mts'
import { checkName, checkNamespace, injectorNamespace } from './names.mts'
import { checkPath, checkRole, configPath } from './roles.mts'
import { asCheck, type VaultCheck } from './session.mts'

export const health: VaultCheck = {
  id: 'vault.health',
  title: 'Vault is there, unsealed, proven by its CA, and its clock is right',
  fix: 'the message says which of them is not so',
  async ask({ settings }) {
    const found = await requireHealthy(openVault(settings))
    const { state, version, secondsAhead } = found.health
    const evidence = `${version}, ${state}, clock ${secondsAhead} s ahead`
    return found.warning === undefined ? passed(evidence) : warning(found.warning)
  },
}

/** Logins that the role of the checks must refuse: service account, namespace, audience of the token. */
const strangers = [
  ['default', checkNamespace, audience],
  [checkName, injectorNamespace, audience],
  [checkName, checkNamespace, 'keybuzz-somewhere-else'],
] as const

export const logins: VaultCheck = {
  id: 'vault.logins',
  title: 'Vault lets in one service account of one namespace, with a token made for Vault, and no other',
  fix: 'run 14_vault_02_configure_injection again, with a token for the set-up',
  async ask({ settings, kube }) {
    const vault = openVault(settings)
    const tried = async (account: string, namespace: string, wanted: string) =>
      logInAsPod(vault, settings.VAULT_AUTH_PATH, checkRole, await kube.tokenOf(account, namespace, wanted))
    const own = await tried(checkName, checkNamespace, audience)
    if (isLoginUnable(own)) throw unable(vault, `to log in ${checkName}`, own)
    if (own.status !== 200) {
      const { known } = explainLines([own.words], failures(settings))
      return {
        ...failed(`${checkNamespace}/${checkName} is refused: ${own.status} ${own.words}`),
        ...(known === undefined ? {} : { fix: `${known.meaning} ${known.next}` }),
      }
    }
    const twin = await kube.get('serviceaccounts', checkName, injectorNamespace)
    for (const [named, namespace, wanted] of strangers) {
      // A revision of an older kit has no such account there.
      const account = namespace === injectorNamespace && twin === undefined ? 'default' : named
      const { status, words } = await tried(account, namespace, wanted)
      const who = `${namespace}/${account} with a token for ${wanted}`
      if (status === 200) return failed(`${who} is let in too`)
      if (status !== 400 && status !== 403) return failed(`${who}: ${status} ${words}, not a refusal`)
    }
    return passed(`1 let in, ${strangers.length} refused`)
  },
}

export const scope: VaultCheck = {
  id: 'vault.scope',
  title: 'A role reads its own path, and nothing beside it',
  fix: 'another policy is bound to the role: run 14_vault_02_configure_injection again, with a token for the set-up',
  async ask(tools) {
    const vault = await asCheck(tools)
    const own = checkPath(tools.settings)
    const read = async (path: string) => {
      const reply = await vault.ask('GET', path)
      if (isUnable(reply)) throw unable(vault, `to read ${path}`, reply)
      return reply
    }
    const first = await read(own)
    if (first.status !== 200) return failed(`${own}: ${first.status} ${first.words}`)
    const { VAULT_AUTH_METHOD: method, VAULT_AUTH_PATH: path } = tools.settings
    const config = method === 'jwt' ? `auth/${path}/role/${checkRole}` : configPath(tools.settings)
    const others = [`${own}-other`, 'sys/auth', config]
    const open: string[] = []
    for (const path of others) if ((await read(path)).status !== 403) open.push(path)
    return open.length === 0
      ? passed(`${own} 200, ${others.length} others 403`)
      : failed(`not refused: ${open.join(', ')}`)
  },
}

const configShape = fields({ data: mapOf(anything) })

export const keys: VaultCheck = {
  id: 'vault.keys',
  title: 'With VAULT_AUTH_METHOD=jwt: Vault has the public keys of this cluster, each of them and no other',
  fix: 'the keys of the cluster were changed, or somebody changed Vault: run 14_vault_02_configure_injection again, with a token for the set-up',
  when: ({ VAULT_AUTH_METHOD }) => VAULT_AUTH_METHOD === 'jwt',
  async ask(tools) {
    const issuer = await readIssuer(tools.kube)
    const vault = await asCheck(tools)
    const path = configPath(tools.settings)
    const reply = await vault.ask('GET', path)
    if (isUnable(reply)) throw unable(vault, `to read ${path}`, reply)
    if (reply.status !== 200) return failed(`${path}: ${reply.status} ${reply.words}`)
    const problems = keyProblems(issuer, readReply(vault, path, configShape, reply).data)
    return problems.length === 0
      ? passed(`${issuer.keys.length} of ${shortened(issuer.name, 120)}, equal`)
      : failed(problems.join('; '))
  },
}
