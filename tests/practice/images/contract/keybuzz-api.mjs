// What module 10 gives the API, and what it asks of it.
import { fail, isUp } from './server.mjs'
import { serve } from './serve.mjs'

const ping = (answer) => answer.then(Boolean, () => false)

const initial = 'CREATE TABLE IF NOT EXISTS tickets (id serial PRIMARY KEY, subject text)'
const moved = 'ALTER TABLE tickets ADD COLUMN IF NOT EXISTS tenant text'

/** A version's own migrations: 1.4.0 and 1.4.1 share a schema, 1.5.0 moves it. */
const migrationsOf = (version) => (version.startsWith('1.4.') ? [initial] : [initial, moved])

async function migrate({ env, postgres, version }) {
  if (env.MIGRATION_FAILS === 'yes') fail('the migration failed: column "tenant" already exists')
  for (const one of migrationsOf(version)) await postgres.query(one)
  console.log(`migrated to ${version}`)
  process.exit(0)
}

function run({ env, version, postgres, redis, amqp }) {
  serve({
    port: env.PORT,
    routes: {
      async 'GET /health'() {
        const parts = {
          postgres: await isUp(postgres),
          redis: await ping(redis.ping()),
          rabbitmq: amqp.isUp(),
        }
        return { status: Object.values(parts).every(Boolean) ? 200 : 503, json: { version, ...parts } }
      },
      // What came through load balancer and ingress: the tests look at it.
      'GET /echo': ({ headers }) => ({ json: headers }),
      'GET /environment': ({ query: { name } }) => ({ json: { set: env[name] !== undefined } }),
    },
  })
}

export const app = {
  title: 'the KeyBuzz API',
  required: { names: ['PORT', 'DATABASE_URL', 'REDIS_URL', 'RABBITMQ_URL', 'API_URL', 'FRONT_URL'] },
  backends: (env) => ({
    postgres: { connectionString: env.DATABASE_URL },
    redis: { url: env.REDIS_URL },
    amqp: env.RABBITMQ_URL,
  }),
  says: {
    postgres: {
      retrying: (attempt, why) => `PostgreSQL, attempt ${attempt}: ${why}`,
      failed: 'PostgreSQL: no login',
    },
    redis: {
      refused: 'Redis: no login',
      lost: (waited) => `Redis is away for ${Math.round(waited / 1000)} s`,
      gaveUp: 'Redis: gave up',
    },
  },
  commands: [
    [/^$/, run],
    [/^migrate$/, migrate],
  ],
}
