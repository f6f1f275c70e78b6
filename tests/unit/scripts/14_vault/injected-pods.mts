import type { Module } from '../../../../lib/run/module.mts'
import type { Pod, PodTemplateSpec } from '../../../../lib/kube/types.mts'
import { keybuzz } from '../../../../scripts/10_keybuzz/module.mts'
import { chatwoot } from '../../../../scripts/11_chatwoot/module.mts'
import { n8n } from '../../../../scripts/12_n8n/module.mts'
import { superset } from '../../../../scripts/13_superset/module.mts'
import { checkPod } from '../../../../scripts/14_vault/check-pod.mts'
import { podWithoutVault } from '../../../../scripts/14_vault/trial.mts'
import { llm } from '../../../../scripts/15_llm/module.mts'
import { objectsOf, templatesOf } from '../../vault/world.mts'
import { images, settingsFor } from './settings.mts'

// Every pod for which the kit asks the injector, by what it is.

/** A module, and the settings that make it have all of its workloads. */
const modules: readonly (readonly [Module, Record<string, string>])[] = [
  [
    keybuzz as unknown as Module,
    {
      API_ENV: "STRIPE_KEY='sk-of-the-api'\nDSN='dsn-of-the-api'\n",
      FRONT_ENV: "DSN='dsn-of-the-front'\n",
      API_MIGRATE: 'npm run migrate',
      API_UID: '1001',
      API_ENTRYPOINT: 'docker-entrypoint.sh',
      API_COMMAND: 'node server.js',
      FRONT_UID: '1002',
      FRONT_COMMAND: 'node front.js',
    },
  ],
  [
    chatwoot as unknown as Module,
    { S3_ENDPOINT: 'https://s3.example.com', S3_ACCESS_KEY: 'account', S3_SECRET_KEY: 'the-s3-key' },
  ],
  [n8n as unknown as Module, {}],
  [superset as unknown as Module, { SUPERSET_UID: '1234' }],
  [llm as unknown as Module, {}],
]

/** The pod that a workload makes of its template. */
const podOf = (template: PodTemplateSpec) => ({ apiVersion: 'v1', kind: 'Pod', ...template }) as Pod

const prefix = 'vault.hashicorp.com/'

/** The pods with this method of logging in, by module and workload: `12_n8n worker`. */
export function injectedPods(method: string): Map<string, Pod> {
  const settings = {
    SECRETS: 'vault',
    VAULT_ADDR: 'https://vault.example.com:8200',
    VAULT_AUTH_METHOD: method,
    VAULT_AUTH_PATH: `${method}-staging`,
  }
  const check = checkPod(settingsFor(settings), images)
  const found = new Map<string, Pod>([
    ['14_vault check', podOf(templatesOf([check])[0] ?? {})],
    ['14_vault drill', podWithoutVault(check) as Pod],
  ])
  for (const [module, more] of modules) {
    templatesOf(objectsOf(module, { ...settings, ...more })).forEach((template, at) => {
      if (template.metadata?.annotations?.[`${prefix}agent-inject`] === undefined) return
      const part = template.metadata.labels?.['app.kubernetes.io/component'] ?? 'job'
      found.set(`${module.number}_${module.slug} ${at} ${part}`, podOf(template))
    })
  }
  return found
}

/** A copy of a pod with other annotations of the injector, by their names without its prefix; undefined for none. */
export function annotated(pod: Pod, more: Readonly<Record<string, string | undefined>>): Pod {
  const changed = structuredClone(pod)
  const all = changed.metadata?.annotations ?? {}
  for (const [name, value] of Object.entries(more)) {
    if (value === undefined) delete all[prefix + name]
    else all[prefix + name] = value
  }
  return changed
}
