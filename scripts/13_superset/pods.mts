import { caMounts, caVolumes, casOf } from '../../lib/kube/manifests/backend-trust.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { container, deployment, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import type { Container, Deployment, PodSpec } from '../../lib/kube/types.mts'
import { engine, processes } from './backends.mts'
import { configurationFolder, signOfLife, supersetConfig } from './configuration.mts'
import { commonEnv, home, port, runningSecrets } from './environment.mts'
import { deploymentOf, names, type Part } from './names.mts'
import type { SupersetSettings } from './settings.mts'

export type Images = Readonly<Record<'superset', string>>

/** The ConfigMap with superset_config.py. */
export const configurationName = 'superset-configuration'

/** Seconds gunicorn gives a request; Superset itself gives up before, the Ingress after. */
const requestSeconds = 120

export const configuration = supersetConfig({ ...engine, requestSeconds: requestSeconds - 10 })

// The image's own scripts start these programs without exec: their shell ignores SIGTERM, and the pod is killed at the
// end of its grace period with its requests in flight. Here each is the first process of its container.

/** None of these arguments holds a blank. */
const words = (line: string): readonly string[] => line.split(' ')

const celery = 'celery --app=superset.tasks.celery_app:app'

const commands: Readonly<Record<Part, readonly string[]>> = {
  // Idle connections are kept longer than a proxy keeps them: it must not meet one that is just closing. Its own sign of
  // life is in memory: on a busy disk gunicorn would take its workers for hung.
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
  // A pidfile that a killed beat left would stop every later one. INFO is the level at which it says that it sends.
  beat: words(`${celery} beat --pidfile= --schedule /tmp/celerybeat-schedule --loglevel INFO`),
}

/** Seconds without a sign of life after which Celery is taken for hung. */
const silentSeconds = 300

/** Ends with 0 while Celery's own process has shown itself lately. No Celery is loaded: its ping takes up to a minute. */
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

/** Loading Superset takes up to a minute on a busy node. */
const celeryProbes: Partial<Container> = {
  startupProbe: aliveProbe(10, 60),
  livenessProbe: aliveProbe(60, 5),
}

/** /health answers OK whatever became of PostgreSQL and Redis: it only says that gunicorn answers. */
const webProbes: Partial<Container> = {
  ports: [{ name: 'http', containerPort: port }],
  startupProbe: probe('/health', port, 5, 60),
  livenessProbe: probe('/health', port, 30, 3),
  readinessProbe: probe('/health', port, 5, 3),
  // The address leaves the Services a moment after SIGTERM: serve until then.
  lifecycle: { preStop: { sleep: { seconds: 5 } } },
}

/** Of a container's disk, its folders and its log together. */
const diskLimit = '4Gi'

/** Measured: 27 MB and 290 MB a worker of gunicorn; 289 MB and 214 MB a child of Celery; 287 MB beat. */
const sizes: Readonly<Record<Part | 'job', ReturnType<typeof resources>>> = {
  web: resources('200m', '512Mi', '1', '2Gi', diskLimit),
  worker: resources('200m', '1Gi', '2', '3Gi', diskLimit),
  beat: resources('50m', '320Mi', '500m', '768Mi', diskLimit),
  job: resources('200m', '512Mi', '1', '1Gi', diskLimit),
}

/** Seconds a pod may take to end: preStop and gunicorn's own limit; a worker's running queries; beat has nothing to end. */
const graceOf = (settings: SupersetSettings, part: Part | 'job'): number =>
  part === 'worker' ? settings.SUPERSET_QUERY_SECONDS_MAX + 30 : 40

/** A pod of the image with the configuration in it. @param own name, command, environment and probes of its container */
export const podOf = (
  settings: SupersetSettings,
  images: Images,
  part: Part | 'job',
  labels: Record<string, string>,
  own: Pick<Container, 'name' | 'args' | 'env'> & Partial<Container>,
): PodSpec =>
  podDefaults({
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

/** One kind of process as a Deployment. Two beats would send every scheduled task twice: it is one, and recreated. */
export function supersetDeployment(settings: SupersetSettings, images: Images, part: Part): Deployment {
  const labels = selector('superset', part)
  const own = {
    name: part,
    args: [...commands[part]],
    env: commonEnv(settings),
    ...(part === 'web' ? webProbes : celeryProbes),
  }
  return deployment({
    namespace: names.namespace(settings.ENV),
    name: deploymentOf(part),
    labels,
    ...(part === 'beat' ? { replicas: 1, strategy: 'Recreate' as const } : {}),
    pod: podOf(settings, images, part, labels, own),
    restartOn: [
      configuration,
      ...Object.values({ ...runningSecrets(settings), ...casOf(settings) }).map((secret) => secret?.reveal()),
    ],
  })
}
