import { paths } from '../host/paths.mts'

/** The words that run kubectl on a server itself, with the administrator's kubeconfig of K3s. */
export const kubectlWords = (...words: string[]): string[] => [
  paths.binary,
  'kubectl',
  '--kubeconfig',
  paths.kubeconfig,
  ...words,
]
