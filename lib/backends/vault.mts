import { exitCodes, KitError } from '../base/errors.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import { fields, readShape, text, type Shape } from '../base/shape.mts'
import type { VaultConnection } from '../settings/platform-vault.mts'
import { written } from '../base/written.mts'
import { send, type Reply, type Request, type Server } from './vault-client.mts'

// The part of Vault's HTTP API that the kit uses; it is the same in HashiCorp Vault and OpenBao.

/** A Vault server, used with or without a token. */
export interface Vault {
  readonly where: string
  /** Sends one request to `/v1/PATH`. @throws KitError exit 6 or 7, see send */
  ask(method: Request['method'], path: string, body?: unknown): Promise<Reply>
  /** The same server, used with this token. */
  with(token: Sensitive): Vault
}

/** The Vault of these settings, without a token. */
export function openVault(settings: VaultConnection): Vault {
  const { VAULT_ADDR: url, VAULT_CA, VAULT_NAMESPACE: namespace } = settings
  const server: Server = {
    where: `Vault ${url}`,
    url,
    ca: VAULT_CA?.reveal(),
    caHint: `lay the CA that signed it at credentials/${settings.ENV}/platform.vault.ca`,
  }
  const asked = (token?: Sensitive): Vault => ({
    where: server.where,
    ask: (method, path, body) =>
      send(server, {
        method,
        path: `/v1/${path}`,
        headers: {
          'x-vault-request': 'true',
          // Of the system backend, Vault serves health and seal state in the root namespace only.
          ...(namespace === undefined || path === 'sys/health' ? {} : { 'x-vault-namespace': namespace }),
          ...(token === undefined ? {} : { 'x-vault-token': token.reveal() }),
        },
        ...(body === undefined ? {} : { body }),
      }),
    with: asked,
  })
  return asked()
}

/**
 * Reads a response of Vault.
 * @param what it contains, for the error: `its list of auth methods`
 * @throws KitError exit 3 when it has another shape: a proxy or a web page may have answered
 */
export const readReply = <T,>({ where }: Vault, what: string, shape: Shape<T>, { json }: Reply): T =>
  readShape(`${where}: ${what}`, shape, json, {
    exitCode: exitCodes.preflight,
    hint: 'is VAULT_ADDR the address of Vault itself, and not of a page in front of it?',
  })

const login = fields({ auth: fields({ client_token: text }) })

/** The token in the response to a login. @throws KitError exit 3 when there is none */
export const tokenIn = (vault: Vault, reply: Reply): Sensitive =>
  sensitive(readReply(vault, 'the answer to a login', login, reply).auth.client_token)

/**
 * Logs in as a pod does: the request is the same for both auth methods.
 * @param path of the auth method: `kubernetes`
 * @param jwt the token of a service account
 * @returns the response: 200 with a token, or why Vault refuses (README, "A login that is refused")
 * @throws KitError exit 6 or 7, see send
 */
export const logInAsPod = (vault: Vault, path: string, role: string, jwt: Sensitive): Promise<Reply> =>
  vault.ask('POST', `auth/${path}/login`, { role, jwt: jwt.reveal() })

/**
 * True for a status that says nothing of what was asked: Vault is sealed or without its storage (5xx), has too much to
 * do (429), or sends elsewhere (3xx); or a proxy answers in its place.
 */
export const isUnable = ({ status }: Reply): boolean =>
  status === 429 || status >= 500 || (status >= 300 && status < 400)

/** The error (exit 3) for a response with such a status. @param what was asked: `to show sys/auth` */
export const unable = ({ where }: Vault, what: string, { status, words }: Reply): KitError =>
  new KitError(`${where} answers ${`${status} ${words}`.trimEnd()}, asked ${what}`, {
    exitCode: exitCodes.preflight,
    details: [`That is no refusal. ${written()}`],
    hint:
      status < 400
        ? 'set VAULT_ADDR to the active server, or to a load balancer that knows it'
        : 'on its own machine: vault status; if it is sealed: vault operator unseal; then run the same command again',
  })

/**
 * True for a login whose status says nothing of it. Unlike `isUnable` not 500: a Vault that does not reach the API
 * server may answer so.
 */
export const isLoginUnable = (reply: Reply): boolean => isUnable(reply) && reply.status !== 500

/**
 * The error for a request that Vault refused although its rights were checked: exit 8 for a 403, else exit 3; for a
 * status that is no refusal see unable.
 * @param what was asked: `to show sys/auth`
 */
export const refused = (vault: Vault, what: string, reply: Reply): KitError =>
  isUnable(reply) ? unable(vault, what, reply) : refusedBy(vault, what, reply)

const refusedBy = ({ where }: Vault, what: string, { status, words }: Reply): KitError =>
  new KitError(`${where} refuses ${what}: ${status} ${words}`.trimEnd(), {
    exitCode: status === 403 ? exitCodes.denied : exitCodes.preflight,
    details: ['What was written before stays; another run goes on from there.'],
    hint: 'Vault’s own log says more (log_level debug); then run the same command again',
  })
