import type { Given, Setting } from '../lib/settings.mts'
import { certificateProblem, keyProblem } from '../lib/certificate.mts'
import {
  isCount,
  isDnsName,
  isEmail,
  isHostOrAddress,
  isPort,
  isTimezone,
  isUrl,
  listOf,
  isHostWithPort,
  isRegistry,
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
    help: 'How many append to X-Forwarded-For: load balancer and ingress make 2; one that passes TLS through adds nothing',
    kind: 'number',
    default: (given) => (given.text('TLS_MODE') === 'load-balancer' ? '2' : '1'),
    validate: isCount,
  },
] as const satisfies readonly Setting[]

const withFiles = (given: Given): boolean => given.text('TLS_MODE') === 'files'

/**
 * The certificate of one public name, for a module's own settings.
 * @param prefix stands before their keys, in a module with several names: `API_`
 * @param host the key of the public name
 */
export const certificateOf = <const Prefix extends '' | `${string}_`>(prefix: Prefix, host: string) =>
  [
    {
      key: `${prefix}TLS_CRT`,
      title: 'Certificate, with its chain',
      help: `A PEM file for ${host}, beside this one; a wildcard will do`,
      kind: 'file',
      when: withFiles,
      validate: (text: string, given: Given) => certificateProblem(text, given.text(host)),
    },
    {
      key: `${prefix}TLS_KEY`,
      title: 'Its private key',
      help: 'A PEM file without a passphrase, beside this one',
      kind: 'file',
      when: withFiles,
      validate: (text: string, given: Given) => keyProblem(text, given.text(`${prefix}TLS_CRT`)),
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

export const rabbitmq = [
  {
    key: 'RABBITMQ_HOST',
    title: 'RabbitMQ host',
    help: 'The address that leads to a node that runs: a load balancer, or one of them',
    kind: 'text',
    validate: isHostOrAddress,
  },
  { key: 'RABBITMQ_PORT', title: 'RabbitMQ port', kind: 'number', default: '5672', validate: isPort },
  { key: 'RABBITMQ_USER', title: 'RabbitMQ user', kind: 'text', default: 'keybuzz' },
  { key: 'RABBITMQ_PASSWORD', title: 'RabbitMQ password', kind: 'sensitive' },
  { key: 'RABBITMQ_VHOST', title: 'RabbitMQ virtual host', kind: 'text', default: '/' },
] as const satisfies readonly Setting[]

const [postgresHost, postgresPort] = postgres
const [redisHost, redisPort] = redis
const [rabbitmqHost, rabbitmqPort] = rabbitmq

/** Where backends are, for a module that only passes it on: it logs in to none of them. */
export const backendAddresses = [
  { ...postgresHost, optional: true },
  postgresPort,
  { ...redisHost, optional: true },
  redisPort,
  { ...rabbitmqHost, optional: true },
  rabbitmqPort,
] as const satisfies readonly Setting[]

const withS3 = (given: Given): boolean => Boolean(given.text('S3_ENDPOINT'))

export const s3 = [
  {
    key: 'S3_ENDPOINT',
    title: 'S3 server',
    help: 'https://s3.example.com, as pods and browsers reach it. Empty: no S3; what applications then lose is said by each',
    kind: 'text',
    optional: true,
    validate: isUrl,
  },
  {
    key: 'S3_REGION',
    title: 'S3 region',
    help: 'Part of every signature; MinIO and its like take us-east-1',
    kind: 'text',
    default: 'us-east-1',
    when: withS3,
  },
  { key: 'S3_ACCESS_KEY', title: 'S3 access key', kind: 'text', when: withS3 },
  { key: 'S3_SECRET_KEY', title: 'S3 secret key', kind: 'sensitive', when: withS3 },
  {
    key: 'S3_PATH_STYLE',
    title: 'Bucket in the path, not in the host name',
    help: 'true for MinIO and its like, false for Amazon',
    kind: 'flag',
    default: 'true',
    when: withS3,
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

export const registry = [
  {
    key: 'REGISTRY_SERVER',
    title: 'Private image registry',
    help: 'host or host:port, as image names begin with it. Empty: images are pulled without an account',
    kind: 'text',
    optional: true,
    validate: isRegistry,
  },
  {
    key: 'REGISTRY_USER',
    title: 'Registry account',
    kind: 'text',
    when: (given) => Boolean(given.text('REGISTRY_SERVER')),
  },
  {
    key: 'REGISTRY_PASSWORD',
    title: 'Registry password or token',
    help: 'One that may only read: it lies in the pull Secret of every namespace that needs it',
    kind: 'sensitive',
    when: (given) => Boolean(given.text('REGISTRY_SERVER')),
  },
] as const satisfies readonly Setting[]
