import { folderOf } from '../../lib/base/names.mts'
import { newestOf } from '../../lib/state/revision.mts'
import { modules } from '../../scripts/modules.mjs'
import { run, Unmeasured, type Row } from './measure.mts'
import { openPractice } from './practice.mts'
import { env, kitFor, quietRuns } from './quiet-run.mts'

/** Tests and the validation of module 9 take minutes, and run after what is measured. */
const rounds = 2

/** A run of every installed module that finds nothing to do, their status and their plan, in milliseconds. */
export async function everything(): Promise<Row[]> {
  const { revisions } = await openPractice()
  const installed = modules.filter((row) => newestOf(revisions, folderOf(row), env)?.state === 'validated')
  if (installed.length === 0) throw new Unmeasured('no module is installed and validated there')
  const list = installed.map(({ number }) => number).join(',')
  const kit = ['./00_master_install.mjs', '--env', env]
  // The Node that operators run today.
  const variables = { PATH: `${process.env['BENCH_NODE'] ?? ''}:${process.env['PATH']}` }
  // A plan with changes ends with exit 4: what would change something is no second run.
  const plans = timesOf(() => run([...kit, '--module', list, '--plan'], { env: variables }).ms)
  const statuses = timesOf(() => run([...kit, '--status'], { env: variables }).ms)
  const quiet = timesOf(() => {
    const { runs } = quietRuns(kitFor(list), installed.map(folderOf), variables)
    return installed.map((row, at) => ({ ...row, ms: runs[at]?.untilTests ?? NaN }))
  })
  const ofModule = (number: number) =>
    quiet.flatMap((round) => round.flatMap((one) => (one.number === number ? [one.ms] : [])))
  const sums = quiet.map((round) => round.reduce((sum, { ms }) => sum + ms, 0))
  const of = `of modules ${list}`
  return [
    { name: `--status ${of}`, ours: statuses, bound: 2000 },
    { name: `--plan ${of}`, ours: plans, bound: 4000 },
    { name: `nothing to do ${of}, without tests`, ours: sums, bound: 6000 },
    ...installed.map(({ number }) => ({
      name: `nothing to do of module ${number}, without tests`,
      ours: ofModule(number),
      ...(number === 9 ? { bound: 3000 } : {}),
    })),
  ]
}

const timesOf = <T,>(measure: () => T): T[] => Array.from({ length: rounds }, measure)
