import { standardChecks } from '../../lib/checks/standard.mts'
import { secretsChecks } from '../../lib/checks/vault-secrets.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { limits, virtualKey } from './checks-keys.mts'
import { application, services } from './checks-pods.mts'
import { qdrantRefusals, qdrantWrites } from './checks-qdrant.mts'
import { hidden, migrated, models, refusals, stream } from './checks-visitor.mts'
import { fileKeys } from './environment.mts'
import { llm } from './module.mts'

export const checks: ChecksOf<typeof llm> = [
  ...standardChecks(application),
  refusals,
  models,
  virtualKey,
  limits,
  stream,
  hidden,
  migrated,
  services,
  qdrantRefusals,
  qdrantWrites,
  ...secretsChecks(llm, { files: fileKeys }),
]
