import { logIn, type Login } from './rabbitmq-login.mts'
import type { Sensitive } from './sensitive.mts'
import type { Settings } from './settings.mts'
import type { Voice } from './voice.mts'
import type { Writes } from './writes.mts'

/** The RabbitMQ of an environment. The kit only logs in: queues are an application's own. */
export interface Rabbitmq {
  /** Logs in and opens the virtual host. Changes nothing. @throws KitError saying why not */
  tryOut(): Promise<void>
  /** The same, and says so. */
  require(): Promise<void>
}

export function createRabbitmq(settings: Settings, writes: Writes, voice: Voice): Rabbitmq {
  const login: Login = {
    host: String(settings['RABBITMQ_HOST']),
    port: Number(settings['RABBITMQ_PORT']),
    user: String(settings['RABBITMQ_USER']),
    password: settings['RABBITMQ_PASSWORD'] as Sensitive,
    vhost: String(settings['RABBITMQ_VHOST']),
  }
  return {
    tryOut: () => logIn(login),
    async require() {
      await logIn(login)
      const { host, port, user, vhost } = login
      if (!writes.planning) voice.said(`RabbitMQ ${host}:${port} virtual host ${vhost}, user ${user}`)
    },
  }
}
