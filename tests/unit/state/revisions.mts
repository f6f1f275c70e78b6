import type { Revision } from '../../../lib/state/revision.mts'

/** A validated first revision of module 12 in dev, but for `more`. */
export const revisionOf = (more: Partial<Revision> = {}): Revision => ({
  number: 1,
  module: '12_n8n',
  env: 'dev',
  state: 'validated',
  who: 'root@admin',
  when: '2026-11-23T10:00:00Z',
  kit: '0.1.0',
  images: {},
  manifests: [],
  ...more,
})
