import { paths } from '../host/paths.mts'

/** kubectl on a server itself: it needs nothing of this machine. */
export const kubectlWords = (...words: string[]): string[] => [
  paths.binary,
  'kubectl',
  '--kubeconfig',
  paths.kubeconfig,
  ...words,
]
