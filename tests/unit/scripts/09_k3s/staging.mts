import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { tokens } from './machines.mts'

/** Settings of a cluster of these machines, with the tokens it was made with. */
export const saved = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  K3S_TOKEN: tokens.server,
  K3S_AGENT_TOKEN: tokens.agent,
}
export const sources = { env: 'staging', overrides: {}, saved, variables: {} }
export const settings = typed('staging', resolve([...k3s.shared, ...k3s.settings], sources)) as K3sSettings
const folder = mkdtempSync(join(tmpdir(), 'keybuzz-artifacts-'))
after(() => rmSync(folder, { recursive: true }))

/** A file of this machine, and its checksum. */
function artifact(name: string) {
  const file = join(folder, name)
  writeFileSync(file, name)
  return { version: 'v1', file, sha256: createHash('sha256').update(name).digest('hex') }
}

/** What is installed on them. */
export const versions = { k3s: artifact('k3s'), 'k3s-images': artifact('images.tar') }
