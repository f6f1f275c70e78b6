import type { SettingsView, Setting } from './settings.mts'
import { tlsSettings } from './backend-tls.mts'
import { isHostOrAddress, isPort, isUrl, isRegistry } from './validators.mts'

// Settings of the backends several modules share, kept in platform.env.

/** PostgreSQL: its address, and the superuser with which the kit creates databases and roles. */
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
  ...tlsSettings('POSTGRES'),
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
  ...tlsSettings('REDIS'),
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
  ...tlsSettings('RABBITMQ'),
] as const satisfies readonly Setting[]

const [postgresHost, postgresPort] = postgres
const [redisHost, redisPort] = redis
const [rabbitmqHost, rabbitmqPort] = rabbitmq

/** The addresses of the backends, for a module that only passes them on and logs in to none of them. */
export const backendAddresses = [
  { ...postgresHost, optional: true },
  postgresPort,
  { ...redisHost, optional: true },
  redisPort,
  { ...rabbitmqHost, optional: true },
  rabbitmqPort,
] as const satisfies readonly Setting[]

const withS3 = (view: SettingsView): boolean => Boolean(view.text('S3_ENDPOINT'))

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
    when: (view) => Boolean(view.text('REGISTRY_SERVER')),
  },
  {
    key: 'REGISTRY_PASSWORD',
    title: 'Registry password or token',
    help: 'One that may only read: it lies in the pull Secret of every namespace that needs it',
    kind: 'sensitive',
    when: (view) => Boolean(view.text('REGISTRY_SERVER')),
  },
] as const satisfies readonly Setting[]
