// A stand-in of an image registry with one image for each refusal: absent/* is unknown (404), refused/* wants a
// login (401), foreign/* is made for another architecture only. It holds no image that could be pulled.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const digest = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const index = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digest('no such manifest'),
      size: 2,
      platform: { architecture: 's390x', os: 'linux' },
    },
  ],
})

const server = createServer(({ url = '' }, response) => {
  const refuse = (status, code) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }))
  }
  if (url === '/v2/') return response.end('{}')
  if (url.startsWith('/v2/refused/')) return refuse(401, 'UNAUTHORIZED')
  if (!url.startsWith('/v2/foreign/')) return refuse(404, 'MANIFEST_UNKNOWN')
  response.writeHead(200, {
    'content-type': 'application/vnd.oci.image.index.v1+json',
    'docker-content-digest': digest(index),
  })
  response.end(index)
})
server.listen(Number(process.argv[2]), '127.0.0.1')
