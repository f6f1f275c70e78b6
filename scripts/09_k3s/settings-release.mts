import { isLoopback } from '../../lib/base/loopback.mts'
import type { Setting } from '../../lib/settings/settings.mts'

// Where this machine gets the files of K3s' release.

export const release = [
  {
    key: 'ARTIFACTS_URL',
    title: 'Mirror of the release of K3s',
    help: 'The folder that holds the files of the version in versions.json under the names of the release; empty: github.com. What lies in artifacts/ is not fetched',
    kind: 'text',
    optional: true,
    validate: mirrorProblem,
  },
  {
    key: 'HOSTS_ARCH',
    title: 'Processor of the hosts',
    help: 'Which files of K3s are fetched: amd64 (x86_64) or arm64 (aarch64). Empty: as those that lie in artifacts/, else as this machine',
    kind: 'choice',
    choices: ['amd64', 'arm64'],
    optional: true,
  },
  {
    key: 'STRICT_VERSIONS',
    title: 'Only files with a sha256 in versions.json',
    help: 'true refuses a file of K3s that only a list of checksums beside it vouches for',
    kind: 'flag',
    default: 'false',
  },
] as const satisfies readonly Setting[]

function mirrorProblem(value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || /[?#\s]/.test(value))
    return 'must be an address such as https://mirror.example.com/k3s'
  if (url.username !== '' || url.password !== '') return 'must not hold an account: it is shown in reports'
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
    ? undefined
    : 'must begin with https://, for files without it can be replaced on the way'
}
