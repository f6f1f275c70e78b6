import { failed, passed, warning } from '../../lib/checks/checks.mts'
import { explainLines } from '../../lib/kube/rollout/failure.mts'
import { requireHealthy } from '../../lib/backends/vault-health.mts'
import { isLoginUnable, isUnable, logInByKubernetes, openVault, unable } from '../../lib/backends/vault.mts'
import { failures } from './failures.mts'
import { audience } from '../../lib/kube/manifests/injection.mts'
import { checkName, checkNamespace, injectorNamespace } from './names.mts'
import { checkPath, checkRole } from './roles.mts'
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
      logInByKubernetes(
        vault,
        settings.VAULT_AUTH_PATH,
        checkRole,
        await kube.tokenOf(account, namespace, wanted),
      )
    const own = await tried(checkName, checkNamespace, audience)
    if (isLoginUnable(own)) throw unable(vault, `to log in ${checkName}`, own)
    if (own.status !== 200) {
      const { known } = explainLines([own.words], failures(settings))
      return {
        ...failed(`${checkNamespace}/${checkName} is refused: ${own.status} ${own.words}`),
        ...(known === undefined ? {} : { fix: `${known.meaning} ${known.next}` }),
      }
    }
    for (const [account, namespace, wanted] of strangers) {
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
    const others = [`${own}-other`, 'sys/auth', `auth/${tools.settings.VAULT_AUTH_PATH}/config`]
    const open: string[] = []
    for (const path of others) if ((await read(path)).status !== 403) open.push(path)
    return open.length === 0
      ? passed(`${own} 200, ${others.length} others 403`)
      : failed(`not refused: ${open.join(', ')}`)
  },
}
