import type { Container, PodSpec } from '../../lib/kube/types.mts'
import { caMounts, caVolumes } from '../../lib/kube/manifests/backend-trust.mts'
import { deliveryEnv, readingFiles } from '../../lib/kube/manifests/delivery.mts'
import { container, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import { usesVault } from '../../lib/settings/platform-vault.mts'
import { itemsOf } from '../../lib/settings/validators.mts'
import { apiVariables } from './environment.mts'
import { deliveryTo, ownVariables, startedBy } from './in-vault.mts'
import type { KeybuzzSettings } from './settings.mts'
import { healthOf, nameOf, portOf, type Images, type Part } from './names.mts'

// The pods of API and front.

/** Grace period in seconds: after its address has left the Services, a pod still answers the requests it accepted. */
const graceSeconds = 45

/** Size limits: of one folder, and of all folders of a container together with its log. */
const [folderLimit, diskLimit] = ['4Gi', '5Gi']

/** A pod of a part with its one container: the server, or its migration. */
export const podOf = (
  settings: KeybuzzSettings,
  part: Part,
  labels: Record<string, string>,
  only: Container,
): PodSpec =>
  podDefaults({
    labels,
    user: part === 'api' ? settings.API_UID : settings.FRONT_UID,
    graceSeconds,
    scratch: Object.fromEntries(foldersOf(settings, part).map((folder) => [volumeOf(folder), folderLimit])),
    volumes: part === 'api' ? caVolumes(settings) : [],
    containers: [only],
    pullSecret: pullSecretName(settings),
  })

/** The container of a part's server. */
export function server(settings: KeybuzzSettings, images: Images, part: Part): Container {
  const port = portOf(settings, part)
  return container({
    name: part,
    ...whatItReads(settings, images, part),
    ports: [{ name: 'http', containerPort: port }],
    resources:
      part === 'api'
        ? resources('200m', '512Mi', '1', '1Gi', diskLimit)
        : resources('100m', '128Mi', '500m', '512Mi', diskLimit),
    startupProbe: probe(healthOf(settings, part), port, 2, 150),
    // A backend that is down makes a pod unready. It must not restart every pod at once.
    livenessProbe: { tcpSocket: { port }, periodSeconds: 20, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: probe(healthOf(settings, part), port, 5, 3),
    // A pod that is deleted still receives requests until its address has left the Services.
    lifecycle: { preStop: { sleep: { seconds: 10 } } },
  })
}

/** The container that migrates the API's database. */
export const migrator = (settings: KeybuzzSettings, images: Images, command: string): Container =>
  container({
    name: 'migrate',
    ...whatItReads(settings, images, 'api'),
    args: command.split(' '),
    resources: resources('200m', '256Mi', '1', '1Gi', diskLimit),
  })

type Reads = Pick<Container, 'image' | 'command' | 'args' | 'env' | 'envFrom' | 'volumeMounts'>

/** What a container of a part reads; where that is files, it is started by a shell, with the arguments of the image. */
function whatItReads(settings: KeybuzzSettings, images: Images, part: Part): Reads {
  const env = [
    ...(part === 'api' ? deliveryEnv(deliveryTo(settings), nameOf(part), apiVariables) : []),
    ...ownVariables(settings, part),
  ]
  const { entrypoint, command: args } = startedBy(settings, part)
  const command = readingFiles(deliveryTo(settings), env, entrypoint)
  return {
    image: images[nameOf(part)],
    ...(command === undefined ? {} : { command, args }),
    // The operator's own values first: of two sources with the same name the last one counts.
    envFrom: [
      ...(usesVault(settings) ? [] : [{ secretRef: { name: `${nameOf(part)}-env`, optional: true } }]),
      { configMapRef: { name: nameOf(part) } },
    ],
    ...(env.length === 0 ? {} : { env }),
    volumeMounts: [
      ...foldersOf(settings, part).map((mountPath) => ({ name: volumeOf(mountPath), mountPath })),
      ...(part === 'api' ? caMounts(settings) : []),
    ],
  }
}

const foldersOf = (settings: KeybuzzSettings, part: Part): string[] =>
  itemsOf(part === 'api' ? settings.API_WRITABLE : settings.FRONT_WRITABLE)

/** The name of the volume for a folder: `app-next-cache` for /app/.next/cache. */
const volumeOf = (folder: string): string =>
  folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
