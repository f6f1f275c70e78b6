import { caMounts, caVolumes, casOf } from '../../lib/kube/manifests/backend-trust.mts'
import { delivered, readingFiles } from '../../lib/kube/manifests/delivery.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { container, deployment, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import type { Container, Deployment, PodSpec } from '../../lib/kube/types.mts'
import { usesVault } from '../../lib/settings/platform-vault.mts'
import { engine, processes } from './backends.mts'
import { configurationFolder, signOfLife, supersetConfig } from './configuration.mts'
import { commonEnv, deliveryTo, home, port, runningSecrets } from './environment.mts'
import { deploymentOf, names, type Part } from './names.mts'
import type { SupersetSettings } from './settings.mts'

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'superset', string>>

/** The name of the ConfigMap with superset_config.py. */
export const configurationName = 'superset-configuration'

/** gunicorn's timeout of a request. Superset's own is shorter, that of the Ingress longer. */
const requestSeconds = 120

/** The text of superset_config.py. */
export const configurationOf = (settings: SupersetSettings): string =>
  supersetConfig({ ...engine, requestSeconds: requestSeconds - 10, files: usesVault(settings) })

// The image's own scripts start these programs without exec: their shell ignores SIGTERM, and the pod is killed at the
// end of its grace period with its requests in flight. Here each is the first process of its container.

/** Splits a command line at blanks: no argument here contains one. */
const words = (line: string): readonly string[] => line.split(' ')

const celery = 'celery --app=superset.tasks.celery_app:app'

const commands: Readonly<Record<Part, readonly string[]>> = {
  // gunicorn keeps idle connections longer than a proxy does: the proxy must not use one that is just being closed. Its
  // heartbeat files are in memory: on a busy disk gunicorn would kill its workers as hung.
  web: [
    ...words(
      `gunicorn --bind 0.0.0.0:${port} --workers ${processes.web} --worker-class gthread --threads 20`,
    ),
    ...words(`--timeout ${requestSeconds} --keep-alive 75 --graceful-timeout 30 --worker-tmp-dir /dev/shm`),
    ...words(
      '--max-requests 0 --limit-request-line 0 --limit-request-field_size 0 superset.app:create_app()',
    ),
  ],
  // Without -c a worker forks one child for each processor of its node.
  worker: words(`${celery} worker --pool=prefork -O fair -c ${processes.worker} --max-tasks-per-child 128`),
  // No pidfile: one that a killed beat left would stop every later one. beat logs each task it sends at level INFO.
  beat: words(`${celery} beat --pidfile= --schedule /tmp/celerybeat-schedule --loglevel INFO`),
}

/** Seconds without a touch of `signOfLife` after which Celery counts as hung. */
const silentSeconds = 300

/** Exits 0 while Celery's process touches `signOfLife`. It does not load Celery, whose ping takes up to a minute. */
export const aliveCommand = [
  'python',
  '-c',
  `import os, sys, time; sys.exit(time.time() - os.stat('${signOfLife}').st_mtime > ${silentSeconds})`,
] as const

const aliveProbe = (period: number, failures: number) => ({
  exec: { command: [...aliveCommand] },
  periodSeconds: period,
  timeoutSeconds: 60,
  failureThreshold: failures,
})

/** Probes of worker and beat. Superset takes up to a minute to load on a busy node. */
const celeryProbes: Partial<Container> = {
  startupProbe: aliveProbe(10, 60),
  livenessProbe: aliveProbe(60, 5),
}

/** Probes of the web process. /health answers OK also without PostgreSQL or Redis: it shows only that gunicorn runs. */
const webProbes: Partial<Container> = {
  ports: [{ name: 'http', containerPort: port }],
  startupProbe: probe('/health', port, 5, 60),
  livenessProbe: probe('/health', port, 30, 3),
  readinessProbe: probe('/health', port, 5, 3),
  // A pod that is deleted still receives requests until its address has left the Services.
  lifecycle: { preStop: { sleep: { seconds: 5 } } },
}

/** The ephemeral-storage limit of a container: its folders and its log together. */
const diskLimit = '4Gi'

/** Measured: gunicorn 27 MB and 290 MB for each worker; Celery 289 MB and 214 MB for each child; beat 287 MB. */
const sizes: Readonly<Record<Part | 'job', ReturnType<typeof resources>>> = {
  web: resources('200m', '512Mi', '1', '2Gi', diskLimit),
  worker: resources('200m', '1Gi', '2', '3Gi', diskLimit),
  beat: resources('50m', '320Mi', '500m', '768Mi', diskLimit),
  job: resources('200m', '512Mi', '1', '1Gi', diskLimit),
}

/** Grace period in seconds: for preStop and gunicorn's own limit, or a worker's running queries; beat needs none. */
const graceOf = (settings: SupersetSettings, part: Part | 'job'): number =>
  part === 'worker' ? settings.SUPERSET_QUERY_SECONDS_MAX + 30 : 40

/** A pod of the image with superset_config.py. @param own name, command, environment and probes of its container */
export function podOf(
  settings: SupersetSettings,
  images: Images,
  part: Part | 'job',
  labels: Record<string, string>,
  own: Pick<Container, 'name' | 'args' | 'env'> & Partial<Container>,
): PodSpec {
  // Superset reads variables only. Its image has no entrypoint: the program is the first of the arguments.
  const command = readingFiles(deliveryTo(settings), own.env ?? [], [])
  return podDefaults({
    labels,
    user: settings.SUPERSET_UID,
    graceSeconds: graceOf(settings, part),
    pullSecret: pullSecretName(settings),
    scratch: { home: '1Gi', tmp: '2Gi' },
    volumes: [{ name: 'configuration', configMap: { name: configurationName } }, ...caVolumes(settings)],
    containers: [
      container({
        image: images.superset,
        resources: sizes[part],
        ...(command === undefined ? {} : { command }),
        ...own,
        volumeMounts: [
          { name: 'configuration', mountPath: configurationFolder, readOnly: true },
          { name: 'home', mountPath: home },
          { name: 'tmp', mountPath: '/tmp' },
          ...caMounts(settings),
        ],
      }),
    ],
  })
}

/** The Deployment of a kind of process. beat has one replica and strategy Recreate: two would send each task twice. */
export function supersetDeployment(settings: SupersetSettings, images: Images, part: Part): Deployment {
  const labels = selector('superset', part)
  const own = {
    name: part,
    args: [...commands[part]],
    env: commonEnv(settings),
    ...(part === 'web' ? webProbes : celeryProbes),
  }
  const one = deployment({
    namespace: names.namespace(settings.ENV),
    name: deploymentOf(part),
    labels,
    ...(part === 'beat' ? { replicas: 1, strategy: 'Recreate' as const } : {}),
    pod: podOf(settings, images, part, labels, own),
    restartOn: [
      configurationOf(settings),
      ...Object.values({ ...runningSecrets(settings), ...casOf(settings) }).map((secret) => secret?.reveal()),
    ],
  })
  return delivered(deliveryTo(settings), one)
}
