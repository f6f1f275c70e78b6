import type { SettingsView, Setting } from './settings.mts'
import { certificateProblem, keyProblem } from '../base/certificate.mts'
import { isPrivateHostWithPort } from './private-addresses.mts'
import {
  isCount,
  isDnsName,
  isEmail,
  isHostOrAddress,
  isPort,
  isTimezone,
  listOf,
  isHostWithPort,
} from './validators.mts'

/** Settings several modules share, kept in platform.env. A module lists the groups it needs. */

export const general = [
  {
    key: 'DOMAIN',
    title: 'Base domain',
    help: 'Applications get a name below it, e.g. n8n.staging.example.com for staging.example.com',
    kind: 'text',
    validate: isDnsName,
  },
  {
    key: 'OPERATOR_EMAIL',
    title: "Operator's e-mail",
    help: 'The first account of each application, unless its own settings say otherwise',
    kind: 'text',
    validate: isEmail,
  },
  { key: 'TIMEZONE', title: 'Time zone', kind: 'text', default: 'Europe/Paris', validate: isTimezone },
  {
    key: 'PROTECTED',
    title: 'Protected environment',
    help: 'The first write of each run wants the environment’s name typed, or given by --confirm',
    kind: 'flag',
    default: ({ env }) => String(env === 'prod'),
  },
] as const satisfies readonly Setting[]

export const ingress = [
  {
    key: 'INGRESS_CLASS',
    title: 'Ingress class',
    help: 'The IngressClass that serves public names',
    kind: 'text',
    default: 'nginx',
  },
  {
    key: 'TLS_MODE',
    title: 'Where TLS ends',
    help: 'load-balancer: in front of the cluster, which receives plain HTTP. files: at the Ingress, by a certificate of yours for each public name. issuer: at the Ingress, by a cert-manager ClusterIssuer',
    kind: 'choice',
    choices: ['load-balancer', 'files', 'issuer'],
    default: 'load-balancer',
  },
  {
    key: 'TLS_ISSUER',
    title: 'ClusterIssuer',
    kind: 'text',
    when: (view) => view.text('TLS_MODE') === 'issuer',
  },
  {
    key: 'INGRESS_ADDRESSES',
    title: 'Ingress addresses for tests',
    help: 'Where the checks reach the ingress, as host:port of nodes, comma-separated. Empty: by the public name, through DNS and the load balancer. While TLS_MODE is load-balancer they must be private addresses: checks that sign in send the owner’s password there in plain HTTP',
    kind: 'text',
    optional: true,
    validate: (value, view) =>
      listOf(view.text('TLS_MODE') === 'load-balancer' ? isPrivateHostWithPort : isHostWithPort)(value),
  },
  {
    key: 'PROXY_HOPS',
    title: 'Proxies in front of a pod',
    help: 'How many append to X-Forwarded-For: load balancer and ingress make 2; one that passes TLS through adds nothing',
    kind: 'number',
    default: (view) => (view.text('TLS_MODE') === 'load-balancer' ? '2' : '1'),
    validate: isCount,
  },
] as const satisfies readonly Setting[]

const withFiles = (view: SettingsView): boolean => view.text('TLS_MODE') === 'files'

/**
 * The settings of one public name's certificate and key, for a module's own settings.
 * @param prefix of their keys, in a module with several public names: `API_`; empty in others
 * @param host the key of the setting that holds the public name: `N8N_HOST`
 */
export const certificateOf = <const Prefix extends '' | `${string}_`>(prefix: Prefix, host: string) =>
  [
    {
      key: `${prefix}TLS_CRT`,
      title: 'Certificate, with its chain',
      help: `A PEM file for ${host}, beside this one; a wildcard will do`,
      kind: 'file',
      when: withFiles,
      validate: (text: string, view: SettingsView) => certificateProblem(text, view.text(host)),
    },
    {
      key: `${prefix}TLS_KEY`,
      title: 'Its private key',
      help: 'A PEM file without a passphrase, beside this one',
      kind: 'file',
      when: withFiles,
      validate: (text: string, view: SettingsView) => keyProblem(text, view.text(`${prefix}TLS_CRT`)),
    },
  ] as const satisfies readonly Setting[]

export const smtp = [
  {
    key: 'SMTP_HOST',
    title: 'Mail relay',
    help: 'Empty: applications send no mail',
    kind: 'text',
    optional: true,
    validate: isHostOrAddress,
  },
  {
    key: 'SMTP_PORT',
    title: 'Mail relay port',
    kind: 'number',
    default: '587',
    validate: isPort,
    when: (view) => Boolean(view.text('SMTP_HOST')),
  },
  {
    key: 'SMTP_FROM',
    title: 'Sender address',
    kind: 'text',
    default: (view) => view.text('OPERATOR_EMAIL'),
    validate: isEmail,
    when: (view) => Boolean(view.text('SMTP_HOST')),
  },
  {
    key: 'SMTP_USER',
    title: 'Mail account',
    help: 'Empty: no login',
    kind: 'text',
    optional: true,
    when: (view) => Boolean(view.text('SMTP_HOST')),
  },
  {
    key: 'SMTP_PASSWORD',
    title: 'Mail password',
    kind: 'sensitive',
    when: (view) => Boolean(view.text('SMTP_HOST') && view.text('SMTP_USER')),
  },
] as const satisfies readonly Setting[]
