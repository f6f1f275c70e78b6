// A login to RabbitMQ that is held open, as an application's own connection is.
import { connect } from 'amqplib'
import { fail } from './server.mjs'

/** Gives `isUp()`. A connection that ends is made again, a second later. */
export async function openAmqp(url) {
  let up = false
  async function open() {
    const connection = await connect(url, { heartbeat: 20, timeout: 5000 })
    up = true
    connection.on('error', (error) => console.error(`RabbitMQ: ${error.message}`))
    connection.on('close', () => {
      up = false
      again()
    })
  }
  const again = () => setTimeout(() => open().catch(again), 1000)
  // At the start a refusal is final, as it is for the application.
  await open().catch((error) => fail(`RabbitMQ: ${error.message}`))
  return { isUp: () => up }
}
