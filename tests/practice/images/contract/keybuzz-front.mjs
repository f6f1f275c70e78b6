// What module 10 gives the front, and what it asks of it.
import { serve } from './serve.mjs'

function run({ env, version }) {
  const page = `<!doctype html><title>KeyBuzz</title><script>window.api = "${env.API_URL}"</script><a href="${env.FRONT_URL}/">KeyBuzz ${version}</a>`
  serve({ port: env.PORT, routes: { 'GET /': () => ({ text: page }) } })
}

export const app = {
  title: 'the KeyBuzz front',
  required: { names: ['PORT', 'API_URL', 'FRONT_URL'] },
  backends: () => ({}),
  commands: [[/^$/, run]],
}
