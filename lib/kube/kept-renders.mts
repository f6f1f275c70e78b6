import { createHash } from 'node:crypto'
import { readOwnRecord, recordPath, writeOwnRecord } from '../base/own-record.mts'

// What helm printed for a chart, kept on this machine: a second run with the same helm, chart, values and Kubernetes
// does not start it, which takes a second for the chart of the monitoring. Values have no secrets (Helm.render).

/** Records at most: each render has a place by its key, and takes that of another one. */
const places = 16

const usualRecord = (place: number): string => recordPath(`render-${place}.json`)

/**
 * What a render gave before, or gives now.
 * @param from all that it depends on, a JSON value
 * @param make renders; its result is kept, a JSON value
 * @param isRight true for a kept value of the right shape
 * @param record path of the record at a place, in a folder that is this user's alone to write
 * @throws what `make` throws; a record that cannot be read or written is none
 */
export async function keptRender<T>(
  from: unknown,
  make: () => Promise<T>,
  isRight: (kept: unknown) => kept is T,
  record = usualRecord,
): Promise<T> {
  const key = createHash('sha256').update(JSON.stringify(from)).digest('hex')
  const path = record(Number.parseInt(key.slice(0, 8), 16) % places)
  const known = readOwnRecord(path) as { key?: unknown; made?: unknown } | null | undefined
  if (known?.key === key && isRight(known.made)) return known.made
  const made = await make()
  writeOwnRecord(path, { key, made })
  return made
}
