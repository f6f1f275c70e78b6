import { failed, passed, warning } from '../../lib/checks/checks.mts'
import { jobLabel, jobState } from '../../lib/kube/manifests/jobs.mts'
import type { Deployment, Job } from '../../lib/kube/types.mts'
import { databaseOf } from './backends.mts'
import { deploymentOf, names } from './names.mts'
import type { SupersetCheck } from './session.mts'

// What the database says of the migration and of roles.

const imageOf = (live: unknown): string | undefined =>
  (live as Deployment | Job | undefined)?.spec?.template.spec?.containers[0]?.image

export const migrated: SupersetCheck = {
  id: 'superset.migrated',
  title: 'The database was migrated by the version that runs',
  fix: 'run 13_superset_01_deploy: it migrates before the pods',
  async ask({ kube, settings }) {
    const namespace = names.namespace(settings.ENV)
    const web = await kube.get('deployments.apps', deploymentOf('web'), namespace)
    const jobs = await kube.list('jobs.batch', { namespace, labels: { [jobLabel]: 'migrate' } })
    // A rollback takes the Jobs away: the next install migrates anew.
    if (jobs.length === 0) return warning('there is no Job of it: that is so after a rollback')
    const done = jobs.find((one) => jobState(one) === 'complete')
    if (done === undefined) return failed('no Job migrate is complete')
    return imageOf(done) === imageOf(web)
      ? passed(done.metadata.name)
      : failed(`it was migrated by ${imageOf(done)}, ${imageOf(web)} runs`)
  },
}

/** What `superset init` writes. */
const rights = `select count(*)::text from ab_permission_view_role p join ab_role r on r.id = p.role_id where r.name = 'Admin'`

export const roles: SupersetCheck = {
  id: 'superset.roles',
  title: 'The role Admin has its permissions: superset init ran',
  fix: 'delete the Job superset-migrate-... in NAMESPACE, then run 13_superset_01_deploy: it runs superset init again',
  async ask({ postgres, settings }) {
    const count = Number((await postgres.findText(databaseOf(settings), rights)) ?? 0)
    return count > 0 ? passed(`${count} permissions`) : failed('the role Admin has no permission')
  },
}
