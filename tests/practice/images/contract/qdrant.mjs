// What module 15 gives Qdrant, and what it asks of it: keys as 1.19 has them, points kept in one file of its volume.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fail } from './server.mjs'
import { serve } from './serve.mjs'

const done = (result) => ({ json: { result, status: 'ok', time: 0 } })
const absent = (name) => ({
  status: 404,
  json: { status: { error: `Not found: Collection \`${name}\` doesn't exist!` } },
})

/** The collections, by name, in a file that is always whole. */
function openStore(folder) {
  const file = join(folder, 'collections.json')
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '.probe'), '')
  } catch (error) {
    fail(`Can't create Storage directory: ${error.message}`)
  }
  let collections = {}
  try {
    collections = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error.code !== 'ENOENT') fail(`storage is damaged: ${error.message}`)
  }
  return {
    collections,
    save() {
      writeFileSync(`${file}.new`, JSON.stringify(collections))
      renameSync(`${file}.new`, file)
    },
  }
}

const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0)

function run({ env, version }) {
  // Where the real one says that it started for the first time.
  const mark = env.QDRANT_INIT_FILE_PATH
  try {
    mkdirSync(dirname(mark), { recursive: true })
    writeFileSync(mark, '')
  } catch {
    console.error('Failed to create init file indicator: Permission denied')
  }
  const store = openStore(env.QDRANT__STORAGE__STORAGE_PATH)
  const { collections } = store
  const only = (handler) => (request) => {
    const { 'api-key': key, authorization = '' } = request.headers
    const given = key ?? authorization.replace(/^Bearer /, '')
    if (given === '') return { status: 401, text: 'Must provide an API key or an Authorization bearer token' }
    return given === env.QDRANT__SERVICE__API_KEY
      ? handler(request)
      : { status: 401, text: 'Invalid API key or JWT' }
  }
  const within = (handler) =>
    only((request) => {
      const found = collections[request.params.name]
      return found === undefined ? absent(request.params.name) : handler(request, found)
    })
  serve({
    port: 6333,
    routes: {
      'GET /': () => ({ json: { title: 'qdrant - vector search engine', version } }),
      'GET /healthz': () => ({ text: 'healthz check passed' }),
      'GET /readyz': () => ({ text: 'all shards are ready' }),
      'GET /livez': () => ({ text: 'healthz check passed' }),
      'GET /collections': only(() =>
        done({ collections: Object.keys(collections).map((name) => ({ name })) }),
      ),
      'PUT /collections/:name': only(({ params, body }) => {
        if (collections[params.name] !== undefined)
          return { status: 409, json: { status: { error: 'already exists' } } }
        collections[params.name] = { vectors: body.vectors, points: [] }
        store.save()
        return done(true)
      }),
      'DELETE /collections/:name': only(({ params }) => {
        const was = collections[params.name] !== undefined
        delete collections[params.name]
        store.save()
        return done(was)
      }),
      'PUT /collections/:name/points': within(({ body }, collection) => {
        const bad = body.points.find(({ vector }) => vector.length !== collection.vectors.size)
        if (bad !== undefined)
          return { status: 400, json: { status: { error: 'Wrong input: Vector dimension error' } } }
        const ids = new Set(body.points.map(({ id }) => id))
        collection.points = [...collection.points.filter(({ id }) => !ids.has(id)), ...body.points]
        store.save()
        return done({ operation_id: 0, status: 'completed' })
      }),
      'POST /collections/:name/points/search': within(({ body }, collection) =>
        done(
          collection.points
            .map(({ id, vector, payload }) => ({ id, payload, score: dot(vector, body.vector) }))
            .sort((a, b) => b.score - a.score)
            .slice(0, body.limit),
        ),
      ),
    },
  })
}

export const app = {
  title: 'Qdrant, a plain one without its engine,',
  required: {
    exact: {
      RUN_MODE: 'production',
      QDRANT__TELEMETRY_DISABLED: 'true',
      QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY: 'false',
    },
    names: ['QDRANT__SERVICE__API_KEY', 'QDRANT__STORAGE__STORAGE_PATH', 'QDRANT_INIT_FILE_PATH'],
  },
  backends: () => ({}),
  says: {},
  commands: [[/^$/, run]],
}
