import { shortened } from '../../../lib/base/sensitive.mts'
import { visible } from '../../../lib/base/visible.mts'

/** The last lines a program on a host has written, for the details of an error: shortened, without control characters. */
export const lastLines = (said: string, most: number): string[] =>
  said
    .trim()
    .split('\n')
    .slice(-most)
    .map((line) => shortened(visible(line), 200))
