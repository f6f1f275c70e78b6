import { cluster } from './cluster.mts'
import { deadHost } from './dead-host.mts'
import { events } from './events.mts'
import { everything } from './everything.mts'
import { latency } from './latency.mts'
import { local } from './local.mts'
import { holds, rowText, Unmeasured, type Row } from './measure.mts'

type Part = () => Row[] | Promise<Row[]>

/** Parts by their names, and by what they need. */
const groups: Readonly<Record<string, Readonly<Record<string, Part>>>> = {
  local: { commands: local, events, 'dead-host': deadHost },
  cluster: { 'module-12': cluster, latency, modules: everything },
}

const every = Object.assign({}, ...Object.values(groups)) as Record<string, Part>
const [, , name = 'all'] = process.argv
const one = every[name]
const chosen = one === undefined ? Object.values(groups[name] ?? every) : [one]
let [isBroken, isUnmeasured] = [false, false]
for (const part of chosen) {
  try {
    for (const row of await part()) {
      console.log(rowText(row))
      isBroken ||= !holds(row)
    }
  } catch (thrown) {
    if (!(thrown instanceof Unmeasured)) throw thrown
    console.error(`✗ not measured: ${thrown.message}`)
    isUnmeasured = true
  }
}
process.exitCode = isBroken ? 1 : isUnmeasured ? 3 : 0
