#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { credentialsStep } from '../../lib/cli/step.mts'
import { vault } from './module.mts'
import { proveVault } from './preflight.mts'

export default credentialsStep(
  import.meta,
  vault,
  'Complete the settings of Vault Agent injection, and ask Vault',
  async ({ settings }) => void (await proveVault(settings)),
)
