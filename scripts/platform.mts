import type { Setting } from '../lib/settings.mts'
import {
  isCount,
  isDnsName,
  isEmail,
  isHostOrAddress,
  isPort,
  isTimezone,
  listOf,
  isHostWithPort,
} from '../lib/validate.mts'

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
    help: 'load-balancer: in front of the cluster, which receives plain HTTP. issuer: at the Ingress, by a cert-manager ClusterIssuer',
    kind: 'choice',
    choices: ['load-balancer', 'issuer'],
    default: 'load-balancer',
  },
  {
    key: 'TLS_ISSUER',
    title: 'ClusterIssuer',
    kind: 'text',
    when: (given) => given.text('TLS_MODE') === 'issuer',
  },
  {
    key: 'INGRESS_ADDRESSES',
    title: 'Ingress addresses for tests',
    help: 'Where the checks reach the ingress, as host:port of nodes, comma-separated. Empty: by the public name, through DNS and the load balancer',
    kind: 'text',
    optional: true,
    validate: listOf(isHostWithPort),
  },
  {
    key: 'PROXY_HOPS',
    title: 'Proxies in front of a pod',
    help: 'How many append to X-Forwarded-For: load balancer and ingress make 2',
    kind: 'number',
    default: '2',
    validate: isCount,
  },
] as const satisfies readonly Setting[]

export const postgres = [
  {
    key: 'POSTGRES_HOST',
    title: 'PostgreSQL host',
    help: 'The write address: the leader, never PgBouncer',
    kind: 'text',
    validate: isHostOrAddress,
  },
  { key: 'POSTGRES_PORT', title: 'PostgreSQL port', kind: 'number', default: '5432', validate: isPort },
  {
    key: 'POSTGRES_SUPERUSER',
    title: 'PostgreSQL superuser',
    help: 'Makes databases and roles; applications never get it',
    kind: 'text',
    default: 'postgres',
  },
  { key: 'POSTGRES_PASSWORD', title: "PostgreSQL superuser's password", kind: 'sensitive' },
] as const satisfies readonly Setting[]

export const redis = [
  {
    key: 'REDIS_HOST',
    title: 'Redis host',
    help: 'The address of the master',
    kind: 'text',
    validate: isHostOrAddress,
  },
  { key: 'REDIS_PORT', title: 'Redis port', kind: 'number', default: '6379', validate: isPort },
  { key: 'REDIS_PASSWORD', title: 'Redis password', kind: 'sensitive' },
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
    when: (given) => Boolean(given.text('SMTP_HOST')),
  },
  {
    key: 'SMTP_FROM',
    title: 'Sender address',
    kind: 'text',
    default: (given) => given.text('OPERATOR_EMAIL'),
    validate: isEmail,
    when: (given) => Boolean(given.text('SMTP_HOST')),
  },
  {
    key: 'SMTP_USER',
    title: 'Mail account',
    help: 'Empty: no login',
    kind: 'text',
    optional: true,
    when: (given) => Boolean(given.text('SMTP_HOST')),
  },
  {
    key: 'SMTP_PASSWORD',
    title: 'Mail password',
    kind: 'sensitive',
    when: (given) => Boolean(given.text('SMTP_HOST') && given.text('SMTP_USER')),
  },
] as const satisfies readonly Setting[]
