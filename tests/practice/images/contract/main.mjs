// A contract server: it stands in for an application whose image cannot be had here. CONTRACT_APP names the data
// file that says which environment that application wants, where it logs in, and what it answers.
import { fail, openPostgres, openRedis, requireEnvironment } from './server.mjs'
import { openAmqp } from './amqp.mjs'

const { CONTRACT_APP: name, CONTRACT_VERSION: version } = process.env
const command = process.argv.slice(2).join(' ')
const { app } = await import(`./${name}.mjs`)

// One line: programs are given whole scripts.
const [shown] = command.split('\n')
const what = `STAND-IN of ${app.title} ${version} (${shown.slice(0, 80).trim() || 'server'})`
console.log(`${what}: it logs in and answers as this platform's tests need it, and is not the application`)

/** Every backend the data file names, by a real login. */
async function openBackends({ postgres, redis, amqp }) {
  return {
    postgres: postgres && (await openPostgres({ max: 2, ...postgres }, 5, app.says.postgres)),
    redis:
      redis &&
      (await openRedis(redis, app.redisPatience ?? { atStart: 5000, running: 60_000 }, app.says.redis)),
    amqp: amqp && (await openAmqp(amqp)),
  }
}

const found = app.commands.find(([pattern]) => pattern.test(command))
if (found === undefined) fail(`this stand-in knows no command ${command}`)
requireEnvironment(app.required.exact ?? {}, app.required.names)
await found[1]({
  env: process.env,
  version,
  command,
  ...(await openBackends(app.backends(process.env, command))),
})
