import { failed, passed, warning } from '../../lib/checks/checks.mts'
import { imageAnswer } from '../../lib/checks/standard.mts'
import { bucketOf, databaseOf, extensions } from './backends.mts'
import { names } from './names.mts'
import type { ChatwootCheck } from './session.mts'

// Checks of the backends: the database and its preparation, and the bucket.

export const prepared: ChatwootCheck = {
  id: 'chatwoot.prepared',
  title: 'The database was prepared by the version that runs',
  fix: 'run 11_chatwoot_01_deploy: it prepares the database before the pods',
  ask: (tools) =>
    imageAnswer(tools, {
      namespace: names.namespace(tools.settings.ENV),
      job: 'prepare',
      deployment: 'chatwoot-web',
    }),
}

export const database: ChatwootCheck = {
  id: 'chatwoot.database',
  title: 'The database has its extensions, and its owner no right beyond it',
  fix: 'run 11_chatwoot_01_deploy: it makes what is missing, or names the statement for a superuser; ALTER ROLE NAME NOSUPERUSER takes the right away again',
  places: ({ ENV }) => ({ NAME: names.database(ENV) }),
  async ask({ postgres, settings }) {
    const name = names.database(settings.ENV)
    const found = await postgres.findText(
      databaseOf(settings),
      `select string_agg(extname, ' ') || case when (select rolsuper from pg_roles where rolname = '${name}') then ' SUPERUSER' else '' end from pg_extension`,
    )
    const words = new Set((found ?? '').split(' '))
    const absent = extensions.filter((one) => !words.has(one.name)).map((one) => one.name)
    if (absent.length > 0) return failed(`missing: ${absent.join(', ')}`)
    return words.has('SUPERUSER') ? failed(`the role ${name} is a superuser`) : passed([...words].join(', '))
  },
}

export const storage: ChatwootCheck = {
  id: 'chatwoot.storage',
  title: 'The bucket takes a file, gives it back and lets it be deleted',
  fix: 'as the message says: the key in platform.env needs put, get and delete on CHATWOOT_S3_BUCKET. Without S3 set S3_ENDPOINT',
  async ask({ s3, settings }) {
    const bucket = bucketOf(settings)
    if (bucket === undefined) return warning('there is no S3: attachments live in the one web pod')
    return passed(`${bucket}, in ${await s3.roundTrip(bucket)} ms`)
  },
}
