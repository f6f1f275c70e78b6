import { stringify } from 'yaml'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { written } from '../../../lib/base/written.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import { paths, signature } from '../host/paths.mts'
import type { MirrorSettings } from '../settings-mirror.mts'

// The file by which K3s tells containerd of a mirror; K3s reads it when it starts.

/** The files of a mirror on a host. */
export interface Registries {
  /** The text of paths.registries; it may contain a password. */
  readonly text: string
  /** The text of paths.mirrorCa; undefined where hosts trust the mirror already. */
  readonly ca: string | undefined
}

/** What hosts are told of a mirror; undefined without one. Pure. */
export function registriesOf(settings: MirrorSettings): Registries | undefined {
  const { HOSTS_MIRROR, HOSTS_MIRROR_FOR, HOSTS_MIRROR_CA, HOSTS_MIRROR_USER, HOSTS_MIRROR_PASSWORD } =
    settings
  if (HOSTS_MIRROR === undefined) return undefined
  // K3s finds account and CA by host and port as they are in the address: so both come from one reading of it.
  const { origin, host, pathname } = new URL(HOSTS_MIRROR)
  const endpoint = [`${origin}${pathname.replace(/\/$/, '')}`]
  const config = {
    ...(HOSTS_MIRROR_USER === undefined
      ? {}
      : { auth: { username: HOSTS_MIRROR_USER, password: HOSTS_MIRROR_PASSWORD?.reveal() ?? '' } }),
    ...(HOSTS_MIRROR_CA === undefined ? {} : { tls: { ca_file: paths.mirrorCa } }),
  }
  const values = {
    mirrors: Object.fromEntries(itemsOf(HOSTS_MIRROR_FOR).map((registry) => [registry, { endpoint }])),
    ...(Object.keys(config).length === 0 ? {} : { configs: { [host]: config } }),
  }
  return {
    // In YAML 1.1, as K3s reads it: a password such as 1e3 or no is then quoted.
    text: `${signature} A change by hand is overwritten by its next run.\n${stringify(values, { version: '1.1' })}`,
    ca: HOSTS_MIRROR_CA?.reveal(),
  }
}

/** Whose paths.registries a host has. */
export type RegistriesOwner = 'kit' | 'other' | 'none'

/** A part of a script: prints `registries=` and how often the kit's signature is in the file, if there is one. */
export const registriesPart = `echo "registries=$(grep -cs '${signature}' ${paths.registries})"
`

/** @param said the value in the line of registriesPart; undefined without a file */
export function registriesOwner(said: string | undefined): RegistriesOwner {
  if (said === undefined) return 'none'
  return said === '0' ? 'other' : 'kit'
}

/**
 * Requires that no host has a file of someone else where the kit would write its own.
 * @throws KitError exit 5 naming the hosts
 */
export function requireOwnRegistries(
  states: readonly { readonly name: string; readonly registries: RegistriesOwner }[],
  wanted: Registries | undefined,
): void {
  const names = states.flatMap(({ name, registries }) => (registries === 'other' ? [name] : []))
  if (wanted === undefined || names.length === 0) return
  throw new KitError(`${names.join(', ')}: ${paths.registries} is there, and the kit did not write it`, {
    exitCode: exitCodes.conflict,
    details: [`HOSTS_MIRROR would overwrite it. ${written()}`],
    hint: `take what it says into HOSTS_MIRROR and the settings beside it, then on each of these hosts: mv ${paths.registries} /root/; or leave HOSTS_MIRROR empty, and the file stays in force`,
  })
}

/**
 * Writes the files of a mirror to a host, for root alone; nothing without a mirror.
 * @throws KitError exit 9 when one cannot be written; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
export async function writeRegistries(host: Host, registries: Registries | undefined): Promise<void> {
  if (registries === undefined) return
  if (registries.ca !== undefined) await host.put(paths.mirrorCa, '0600', registries.ca)
  await host.put(paths.registries, '0600', registries.text)
}

/** Shell commands that delete the files of a mirror that is no longer used; someone else's file stays. Pure. */
export const dropRegistries = (registries: Registries | undefined): string[] => [
  ...(registries === undefined
    ? [`! grep -qs '${signature}' ${paths.registries} || rm -f ${paths.registries}`]
    : []),
  ...(registries?.ca === undefined ? [`rm -f ${paths.mirrorCa}`] : []),
]
