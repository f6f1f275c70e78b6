import { failed, passed } from '../../lib/checks/checks.mts'
import { imageAnswer } from '../../lib/checks/standard.mts'
import { databaseOf } from './backends.mts'
import { deploymentOf, names } from './names.mts'
import type { SupersetCheck } from './session.mts'

// Checks of the database: its migration, and the permissions of roles.

export const migrated: SupersetCheck = {
  id: 'superset.migrated',
  title: 'The database was migrated by the version that runs',
  fix: 'run 13_superset_01_deploy: it migrates before the pods',
  ask: (tools) =>
    imageAnswer(tools, {
      namespace: names.namespace(tools.settings.ENV),
      job: 'migrate',
      deployment: deploymentOf('web'),
    }),
}

/** The number of permissions that `superset init` wrote for the role Admin. */
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
