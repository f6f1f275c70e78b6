import { createHash } from 'node:crypto'
import { exitCodes, KitError, NotYet } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { recordSums } from '../../../lib/hosts/known-sums.mts'
import { pinnedFile, type PinnedFile } from '../../../lib/settings/pinned-file.mts'
import { requireVersion, type Versions } from '../../../lib/settings/versions.mts'
import { environmentOf, paths, unitOf, unitPath } from '../host/paths.mts'
import { unitText } from './config.mts'
import type { HostState } from './host-state.mts'
import { dropRegistries, writeRegistries, type Registries } from './registries.mts'
import { uninstallScript } from './uninstall-script.mts'

// Installs K3s on one host: binary, images, configuration, unit. What is right already is not changed.

/** A file of this machine that is copied to every host, with the checksum it must have everywhere. */
export interface Artifact extends PinnedFile {
  /** Its path on the host. */
  readonly path: string
  /** Four octal digits. */
  readonly mode: string
}

/**
 * The binary of K3s and the image tarballs that versions.json names.
 * @throws NotYet when step 01 has not downloaded the binary yet; KitError exit 2 when versions.json has no k3s, or a
 *   list of checksums cannot be read; exit 3 when versions.json names no file of K3s; exit 7 for a file without a
 *   checksum
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

/** The name of a tarball on the host: one per entry of versions.json, so that a newer tarball replaces it. */
const tarballName = (name: string, file: string): string =>
  `keybuzz-${name}${/\.tar(\.\w+)?$/.exec(file)?.[0] ?? '.tar'}`

/** A hash of everything the service is started with: when it has changed since the last start, K3s is restarted. */
const startHash = ({ artifacts, config, role, proxy, registries }: DesiredState): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        artifacts.find(({ path }) => path === paths.binary)?.sha256,
        config,
        unitText(role, proxy !== undefined),
        // No element at all without a proxy or a mirror: so a cluster without one keeps its hash.
        ...(proxy === undefined ? [] : [proxy]),
        ...(registries === undefined ? [] : [registries]),
      ]),
    )
    .digest('hex')

/** The paths of the image tarballs on a host. */
export const imagesOf = (artifacts: readonly Artifact[]): string[] =>
  artifacts.flatMap(({ path }) => (path === paths.binary ? [] : [path]))

/** The K3s that a host should have. */
export interface DesiredState {
  readonly role: 'server' | 'agent'
  /** The range of the pods, whose routes the uninstall script deletes. */
  readonly pods: string
  /** The text of config.yaml; it contains tokens. */
  readonly config: string
  readonly artifacts: readonly Artifact[]
  /** The text of paths.proxy, see proxyEnvironment; undefined without a proxy. */
  readonly proxy: string | undefined
  /** What paths.registries tells of a mirror, see registriesOf; undefined without one. */
  readonly registries: Registries | undefined
}

/** True when the service of this host must be started or restarted. Pure. */
export const needsStart = (
  { active, starting, tombstone, started, registries }: Started,
  wanted: DesiredState,
): boolean =>
  (!active && !starting) ||
  tombstone ||
  started !== startHash(wanted) ||
  // Written by a run that ended before the start: it would come into force with any later one.
  (registries === 'kit' && wanted.registries === undefined)

type Started = Pick<HostState, 'active' | 'starting' | 'tombstone' | 'started' | 'registries'>

/** Compares every file with its checksum. @throws KitError exit 3 or 7, see PinnedFile.prove */
export const proveAll = async (artifacts: readonly PinnedFile[]): Promise<void> =>
  void (await Promise.all(artifacts.map(({ prove }) => prove())))

/**
 * Copies the binary and the images to a host; nothing is started.
 * @throws KitError exit 3, 7 or 9, see Files.put; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
export async function copyArtifacts(host: Host, artifacts: readonly Artifact[]): Promise<void> {
  for (const { path, mode, ...content } of artifacts) await host.put(path, mode, content)
}

/**
 * Writes configuration, unit and uninstall script to a host; nothing is started.
 * @throws KitError exit 9 when one cannot be written; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
export async function writeConfig(host: Host, wanted: DesiredState): Promise<void> {
  const { role, config, pods, proxy, registries } = wanted
  await host.put(paths.uninstall, '0755', uninstallScript(pods))
  await host.put(paths.config, '0600', config)
  if (proxy !== undefined) await host.put(paths.proxy, '0600', proxy)
  await writeRegistries(host, registries)
  if (await host.put(unitPath(role), '0644', unitText(role, proxy !== undefined)))
    await host.change('systemctl daemon-reload', ['systemctl', 'daemon-reload'])
}

/**
 * Cuts the fraction off the times of the tarballs. K3s notes them in .cache.json without it, and imports each tarball
 * anew that is younger than its note, at every start (seen with v1.36.3: RFC3339 seconds there, nanoseconds on disk).
 */
const wholeSeconds = `for file in ${paths.images}/keybuzz-*; do [ ! -f "$file" ] || case $(stat -c %y "$file") in *.000000000\\ *) ;; *) touch -d "@$(stat -c %Y "$file")" "$file" ;; esac; done`

/**
 * What K3s' own installer also does: links to its tools on servers, where a name is free. And creates the file without
 * which K3s imports every tarball of images at every start, which takes minutes for large ones.
 */
const besidesK3s = ({ role, proxy, registries }: DesiredState): string =>
  [
    ...(role === 'server'
      ? [
          `for tool in kubectl crictl ctr; do PATH="$PATH:/usr/local/bin" command -v $tool >/dev/null || ln -s k3s /usr/local/bin/$tool || :; done`,
        ]
      : []),
    // Where SELinux enforces, preflight has found the policy of K3s: containerd needs this variable, and the binary its
    // label. Not in config.yaml, which must be equal on all servers.
    `if [ "$(getenforce 2>/dev/null)" = Enforcing ]; then grep -qs '^K3S_SELINUX=' ${environmentOf(role)} || echo K3S_SELINUX=true >>${environmentOf(role)}; restorecon ${paths.binary}; fi`,
    `mkdir -p ${paths.images}`,
    `[ -e ${paths.images}/.cache.json ] || : >${paths.images}/.cache.json`,
    wholeSeconds,
    // A file that is no longer used may contain a password.
    ...(proxy === undefined ? [`rm -f ${paths.proxy}`] : []),
    ...dropRegistries(registries),
    '',
  ].join('; ')

/**
 * Starts or restarts the service, and records its startHash and the checksums of its files on the host. Does not wait until it is ready.
 * @throws KitError exit 9 when that fails or paths.resolvConf is missing; exit 3, 6, 9, 130 or 143, see Host.read; what
 *   the gate throws (Writes.make)
 */
export async function start(host: Host, wanted: DesiredState): Promise<void> {
  const unit = unitOf(wanted.role)
  const recipe = startHash(wanted)
  // The old hash is deleted first: after a run that was killed in between, the next one starts the service once more.
  // Sent on stdin, into a file only root can read: the hash covers the tokens, and a weak one could be guessed from it.
  const script =
    // Without its resolv.conf the kubelet would end at every start, and report it only in the journal.
    `read -r mark; ${besidesK3s(wanted)}umask 077; test -s ${paths.resolvConf} || { echo '${paths.resolvConf} is missing: run 09_k3s_01_prepare' >&2; exit 1; }; ${recordSums(paths.sums)}rm -f ${paths.started}; systemctl enable --quiet ${unit}; systemctl reset-failed ${unit} || :; systemctl restart --no-block ${unit}; echo "$mark" >${paths.started}`
  // Before it starts: K3s reads the disk for a while.
  const files = wanted.artifacts.map(({ path }) => path)
  await host.change(`start ${unit}`, ['sh', '-ec', script, 'sh', ...files], {
    input: `${recipe}\n`,
    timeoutSeconds: 900,
  })
}
