import { deniedImages } from '../../lib/checks/denied-images.mts'
import { standardChecks } from '../../lib/checks/standard.mts'
import { secretsChecks } from '../../lib/checks/vault-secrets.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { limits, virtualKey } from './checks-keys.mts'
import { application, services } from './checks-pods.mts'
import { qdrantRefusals, qdrantWrites } from './checks-qdrant.mts'
import { salt } from './checks-salt.mts'
import { hidden, migrated, models, refusals, stream } from './checks-visitor.mts'
import { fileKeys } from './environment.mts'
import { llm } from './module.mts'
import { names } from './names.mts'

export const checks: ChecksOf<typeof llm> = [
  ...standardChecks(application),
  deniedImages(
    application.name,
    names.namespace,
    'of LiteLLM: run the module with --upgrade; of a service: correct its image in 15_llm.services.yml; then replace what it saw: LITELLM_MASTER_KEY, keys of providers, virtual keys, the passwords of PostgreSQL and Redis',
  ),
  refusals,
  models,
  virtualKey,
  limits,
  stream,
  hidden,
  migrated,
  salt,
  services,
  qdrantRefusals,
  qdrantWrites,
  ...secretsChecks(llm, { files: fileKeys }),
]
