import { createHash } from 'node:crypto'
import { exitCodes, KitError, NotYet } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { pinnedFile, type PinnedFile } from '../../../lib/settings/pinned-file.mts'
import { requireVersion, type Versions } from '../../../lib/settings/versions.mts'
import { environmentOf, paths, unitOf, unitPath } from '../host/paths.mts'
import { unitText } from './config.mts'
import type { HostState } from './host-state.mts'
import { uninstallScript } from './uninstall-script.mts'

// Brings K3s onto one host: program, images, configuration, unit. Whatever is right already is left alone.

/** A file of this machine that goes to every host, with the checksum it must have everywhere. */
export interface Artifact extends PinnedFile {
  /** Where it goes. */
  readonly path: string
  readonly mode: string
}

/**
 * The program and the image tarballs versions.json names.
 * @throws NotYet when the step before has to fetch the program; KitError exit 3 when versions.json does not say where
 *   it is, exit 7 without its checksum
 */
export function artifactsOf(versions: Versions): Artifact[] {
  const { version, file, places } = requireVersion(versions, 'k3s')
  if (file === undefined && places !== undefined) throw new NotYet('09_k3s_01_prepare')
  if (file === undefined) {
    throw new KitError(`versions.json does not say where the program of K3s ${version} is`, {
      exitCode: exitCodes.preflight,
      details: ['Hosts download nothing: this machine brings it, checked.'],
      hint: 'give its entry k3s a "places": ["artifacts/k3s"], where it is fetched to, or a "file"',
    })
  }
  return Object.entries(versions).flatMap(([name, version]) => {
    const local = pinnedFile(name, version)
    if (local === undefined) return []
    const program = name === 'k3s'
    const path = program ? paths.binary : `${paths.images}/${tarballName(name, local.file)}`
    return [{ ...local, path, mode: program ? '0755' : '0644' }]
  })
}

/** The name of a tarball on the host: one a name in versions.json, so that a newer one replaces it. */
const tarballName = (name: string, file: string): string =>
  `keybuzz-${name}${/\.tar(\.\w+)?$/.exec(file)?.[0] ?? '.tar'}`

/** What a service would be started with: when it is another one than it was started with, it is restarted. */
const startHash = ({ artifacts, config, role, proxy }: DesiredState): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        artifacts.find(({ path }) => path === paths.binary)?.sha256,
        config,
        unitText(role, proxy !== undefined),
        // Not even its absence: a cluster without a proxy keeps the hash it has.
        ...(proxy === undefined ? [] : [proxy]),
      ]),
    )
    .digest('hex')

/** Where the tarballs of images go. */
export const imagesOf = (artifacts: readonly Artifact[]): string[] =>
  artifacts.flatMap(({ path }) => (path === paths.binary ? [] : [path]))

/** How a host stands against what it should be. */
export interface DesiredState {
  readonly role: 'server' | 'agent'
  /** The range of the pods: its routes go when K3s goes. */
  readonly pods: string
  readonly config: string
  readonly artifacts: readonly Artifact[]
  /** The file of its proxy, see proxyEnvironment. */
  readonly proxy: string | undefined
}

/** True when the service of this host must be started, or started anew. */
export const needsStart = (
  { active, starting, tombstone, started }: Pick<HostState, 'active' | 'starting' | 'tombstone' | 'started'>,
  wanted: DesiredState,
): boolean => (!active && !starting) || tombstone || started !== startHash(wanted)

/** Compares every file with its checksum. @throws KitError as PinnedFile.prove */
export const proveAll = async (artifacts: readonly Artifact[]): Promise<void> =>
  void (await Promise.all(artifacts.map(({ prove }) => prove())))

/** Lays the program and the images; nothing is started. */
export async function copyArtifacts(host: Host, artifacts: readonly Artifact[]): Promise<void> {
  for (const { path, mode, ...content } of artifacts) await host.put(path, mode, content)
}

/** Lays the configuration, the unit, and what takes them off again; nothing is started. */
export async function writeConfig(host: Host, { role, config, pods, proxy }: DesiredState): Promise<void> {
  await host.put(paths.uninstall, '0755', uninstallScript(pods))
  await host.put(paths.config, '0600', config)
  if (proxy !== undefined) await host.put(paths.proxy, '0600', proxy)
  if (await host.put(unitPath(role), '0644', unitText(role, proxy !== undefined)))
    await host.change('systemctl daemon-reload', ['systemctl', 'daemon-reload'])
}

/**
 * What K3s' own installer does beside it: links to its tools on servers, where a name is free. And the file in whose
 * absence K3s imports every tarball of images at every start, which takes minutes for large ones.
 */
const besidesK3s = ({ role, proxy }: DesiredState): string =>
  [
    ...(role === 'server'
      ? [
          `for tool in kubectl crictl ctr; do PATH="$PATH:/usr/local/bin" command -v $tool >/dev/null || ln -s k3s /usr/local/bin/$tool || :; done`,
        ]
      : []),
    // Where SELinux enforces, preflight has found the policy of K3s: containerd must be told, and the program labelled.
    // A server cannot be told by config.yaml: it stands alike on all of them.
    `if [ "$(getenforce 2>/dev/null)" = Enforcing ]; then grep -qs '^K3S_SELINUX=' ${environmentOf(role)} || echo K3S_SELINUX=true >>${environmentOf(role)}; restorecon ${paths.binary}; fi`,
    `mkdir -p ${paths.images}`,
    `[ -e ${paths.images}/.cache.json ] || : >${paths.images}/.cache.json`,
    // One that was set before may hold a password.
    ...(proxy === undefined ? [`rm -f ${paths.proxy}`] : []),
    '',
  ].join('; ')

/** Starts the service, or starts it anew, and remembers with what. It does not wait until it is ready. */
export async function start(host: Host, wanted: DesiredState): Promise<void> {
  const unit = unitOf(wanted.role)
  const recipe = startHash(wanted)
  // The mark goes first: a run that is killed in between finds the service not active, or restarts it once more.
  // By stdin into a file of root's: the hash is of the tokens too, and a weak one could be guessed from it.
  const script =
    // The kubelet would end for ever without its resolv.conf, and say so only in the journal.
    `read -r mark; ${besidesK3s(wanted)}umask 077; test -s ${paths.resolvConf} || { echo '${paths.resolvConf} is missing: run 09_k3s_01_prepare' >&2; exit 1; }; rm -f ${paths.started}; systemctl enable --quiet ${unit}; systemctl reset-failed ${unit} || :; systemctl restart --no-block ${unit}; echo "$mark" >${paths.started}`
  await host.change(`start ${unit}`, ['sh', '-ec', script], { input: `${recipe}\n` })
}
