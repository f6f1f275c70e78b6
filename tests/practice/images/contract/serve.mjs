import { endOnTerm, listen, openRequests } from './server.mjs'

/** Listens with these routes, and at SIGTERM answers what is open before it ends. */
export function serve({ port, routes, seconds = 25 }) {
  const server = listen({ port: Number(port), routes, broken: () => ({ status: 500, json: {} }) })
  // Longer than a proxy keeps an idle connection: it must not meet one that is just closing.
  server.keepAliveTimeout = 120_000
  endOnTerm({ seconds, stop: () => server.close(), isBusy: () => openRequests() > 0 })
  console.log(`listening on ${port}`)
  return server
}
