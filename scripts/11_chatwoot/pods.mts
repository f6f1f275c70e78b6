import type { Container, EnvVar, PodSpec } from '../../lib/kube/types.mts'
import { caMounts, caVolumes } from '../../lib/kube/manifests/backend-trust.mts'
import { readingFiles } from '../../lib/kube/manifests/delivery.mts'
import { container, podDefaults, probe } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import { commonEnv, deliveryTo, port } from './environment.mts'
import { bucketOf } from './backends.mts'
import type { ChatwootSettings } from './settings.mts'
import { heartbeat } from './ruby.mts'

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'chatwoot', string>>

/** What a container of Chatwoot runs. The image has neither entry point nor command of its own. */
export interface Process {
  readonly name: string
  readonly args: readonly string[]
  /** Variables beyond commonEnv. */
  readonly more?: readonly EnvVar[]
  /** Other fields of the container. */
  readonly rest: Partial<Container>
}

/** Exits 0 while the Sidekiq of its own pod writes heartbeats, see `heartbeat`. */
export const heartbeatCommand = ['bundle', 'exec', 'ruby', '-e', heartbeat] as const

/**
 * An HTTP probe of Rails. FORCE_SSL redirects plain HTTP: the header marks the request as HTTPS, as the ingress does.
 * @param period seconds between two requests
 * @param failures failureThreshold
 */
export const webProbe = (path: string, period: number, failures: number) => ({
  ...probe(path, port, period, failures),
  httpGet: { path, port, httpHeaders: [{ name: 'X-Forwarded-Proto', value: 'https' }] },
})

/**
 * A probe of Sidekiq's heartbeat.
 * @param period seconds between two runs of its command
 * @param failures failureThreshold
 * @param timeout seconds: Ruby takes several to start on a busy node
 */
export const heartbeatProbe = (period: number, failures: number, timeout = 30) => ({
  exec: { command: [...heartbeatCommand] },
  periodSeconds: period,
  timeoutSeconds: timeout,
  failureThreshold: failures,
})

/** Folders that Rails writes into, by the name of their volume. */
const folders = (settings: ChatwootSettings): Record<string, string> => ({
  tmp: '/tmp',
  'app-tmp': '/app/tmp',
  'app-log': '/app/log',
  ...(bucketOf(settings) === undefined ? { storage: '/app/storage' } : {}),
})

/** Size limits of volumes with more than 1 GiB. `storage` is for attachments: more of them than that need S3. */
const folderLimits: Readonly<Record<string, string>> = { tmp: '2Gi', storage: '20Gi' }

/** The ephemeral-storage limit of a container: its folders and its log together. */
export const diskLimit = (settings: ChatwootSettings): string =>
  bucketOf(settings) === undefined ? '25Gi' : '5Gi'

/** A pod with one process of Chatwoot. */
export function podOf(
  settings: ChatwootSettings,
  images: Images,
  labels: Record<string, string>,
  { name, args, more = [], rest }: Process,
): PodSpec {
  const variables = [...commonEnv(settings), ...more]
  // Chatwoot reads variables only.
  const command = readingFiles(deliveryTo(settings), variables, [])
  const pod = podDefaults({
    labels,
    user: 1000,
    // Sidekiq waits 25 s for its running jobs.
    graceSeconds: 60,
    pullSecret: pullSecretName(settings),
    scratch: Object.fromEntries(
      Object.keys(folders(settings)).map((name) => [name, folderLimits[name] ?? '1Gi']),
    ),
    volumes: caVolumes(settings),
    containers: [
      container({
        name,
        image: images.chatwoot,
        ...(command === undefined ? {} : { command }),
        args: [...args],
        env: variables,
        volumeMounts: [
          ...Object.entries(folders(settings)).map(([volume, mountPath]) => ({ name: volume, mountPath })),
          ...caMounts(settings),
        ],
        ...rest,
      }),
    ],
  })
  return settings.CHATWOOT_ROOT ? asRoot(pod) : pod
}

/** The same pod as root with a writable image: for a version that cannot run otherwise (CHATWOOT_ROOT). */
function asRoot({ securityContext, containers, ...pod }: PodSpec): PodSpec {
  const root = { runAsNonRoot: false, runAsUser: 0, runAsGroup: 0, fsGroup: 0 }
  return {
    ...pod,
    securityContext: { ...securityContext, ...root },
    containers: containers.map((one) => ({
      ...one,
      securityContext: { ...one.securityContext, readOnlyRootFilesystem: false },
    })),
  }
}
