import type { Container, EnvVar, PodSpec } from '../../lib/kube/types.mts'
import { caMounts, caVolumes } from '../../lib/kube/manifests/backend-trust.mts'
import { container, podDefaults, probe } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import { commonEnv, port } from './environment.mts'
import { bucketOf } from './backends.mts'
import type { ChatwootSettings } from './settings.mts'
import { heartbeat } from './ruby.mts'

export type Images = Readonly<Record<'chatwoot', string>>

/** What a container of Chatwoot runs. The image has neither entry point nor command of its own. */
export interface Process {
  readonly name: string
  readonly args: readonly string[]
  readonly more?: readonly EnvVar[]
  readonly rest: Partial<Container>
}

/** Asks this pod's own Sidekiq for its last sign of life. */
export const heartbeatCommand = ['bundle', 'exec', 'ruby', '-e', heartbeat] as const

/** FORCE_SSL answers plain HTTP with a redirect; the header says what the ingress says. */
export const webProbe = (path: string, period: number, failures: number) => ({
  ...probe(path, port, period, failures),
  httpGet: { path, port, httpHeaders: [{ name: 'X-Forwarded-Proto', value: 'https' }] },
})

/** @param timeout Ruby takes seconds to start on a busy node */
export const heartbeatProbe = (period: number, failures: number, timeout = 30) => ({
  exec: { command: [...heartbeatCommand] },
  periodSeconds: period,
  timeoutSeconds: timeout,
  failureThreshold: failures,
})

/** Folders Rails writes into. */
const folders = (settings: ChatwootSettings): Record<string, string> => ({
  tmp: '/tmp',
  'app-tmp': '/app/tmp',
  'app-log': '/app/log',
  ...(bucketOf(settings) === undefined ? { storage: '/app/storage' } : {}),
})

/** What each may hold where that is more than 1 GiB. Attachments: whoever has more of them needs S3. */
const folderLimits: Readonly<Record<string, string>> = { tmp: '2Gi', storage: '20Gi' }

/** Of a container's disk, its folders and its log together. */
export const diskLimit = (settings: ChatwootSettings): string =>
  bucketOf(settings) === undefined ? '25Gi' : '5Gi'

/** A pod with one process of Chatwoot. */
export function podOf(
  settings: ChatwootSettings,
  images: Images,
  labels: Record<string, string>,
  { name, args, more = [], rest }: Process,
): PodSpec {
  const pod = podDefaults({
    labels,
    user: 1000,
    // Sidekiq gives its jobs 25 s.
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
        args: [...args],
        env: [...commonEnv(settings), ...more],
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

/** The way out an operator may choose for a version that does not run without rights on its own image. */
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
