import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

// A mirror of a registry that holds one image, small:1, with nothing in it; it speaks TLS and wants an account. Prints its
// port, then a line for each request it has served. Arguments: the address to listen at, a folder with server.key and
// server.crt, the account. Its password is in PASSWORD.

const [address = '', folder = '', user = ''] = process.argv.slice(2)
const account = `Basic ${Buffer.from(`${user}:${process.env['PASSWORD'] ?? ''}`).toString('base64')}`

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))

/** A tar archive without files. */
const archive = Buffer.alloc(1024)
const layer = gzipSync(archive)
const config = json({
  architecture: process.arch === 'x64' ? 'amd64' : process.arch,
  os: 'linux',
  config: {},
  rootfs: { type: 'layers', diff_ids: [digestOf(archive)] },
})
const kind = (what: string) => `application/vnd.oci.image.${what}`
const described = (mediaType: string, content: Buffer) => ({
  mediaType,
  digest: digestOf(content),
  size: content.length,
})
const manifest = json({
  schemaVersion: 2,
  mediaType: kind('manifest.v1+json'),
  config: described(kind('config.v1+json'), config),
  layers: [described(kind('layer.v1.tar+gzip'), layer)],
})
const manifests = ['1', digestOf(manifest)].map((name) => [`/v2/small/manifests/${name}`, manifest] as const)
const blobs = [config, layer].map((one) => [`/v2/small/blobs/${digestOf(one)}`, one] as const)
const served = new Map<string, Buffer>([['/v2/', json({})], ...manifests, ...blobs])

const tls = { key: readFileSync(join(folder, 'server.key')), cert: readFileSync(join(folder, 'server.crt')) }
const server = createServer(tls, ({ url = '', method = '', headers }, response) => {
  const [path = ''] = url.split('?')
  if (headers.authorization !== account)
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="mirror"' }).end()
  const content = served.get(path)
  if (content === undefined) return void response.writeHead(404).end()
  console.log(method, url)
  response.writeHead(200, {
    'content-type': path.includes('/manifests/') ? kind('manifest.v1+json') : 'application/octet-stream',
    'content-length': content.length,
    'docker-content-digest': digestOf(content),
  })
  response.end(method === 'HEAD' ? undefined : content)
})
server.listen(0, address, () => {
  const listening = server.address()
  console.log(typeof listening === 'object' ? listening?.port : '')
})
