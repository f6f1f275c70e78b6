import { pollUntil } from '../../../lib/base/poll.mts'
import type { Answer, Check, CheckTools } from '../../../lib/checks/checks.mts'
import { outdated, type Outdated } from '../monitoring/current.mts'
import { notReconciled } from '../monitoring/ready.mts'
import type { K3sSettings } from '../settings.mts'

// What every check of the monitoring waits for first.

type Tools = CheckTools<K3sSettings>

/** What Prometheus and Alertmanager have come to: empty words when they are what was applied, and run with it. */
type Settled = Outdated & { readonly unready: string }

/**
 * Milliseconds in which they take over what was applied last: the kubelet renews their files within 90 s, and a rollback
 * leaves it to that.
 */
const settles = 150_000

/** Waits, once for all checks, until both are what was applied and run with it. @throws as KubeReader */
const settled = ({ kube, once }: Tools): Promise<Settled> =>
  once('monitoring', () =>
    pollUntil(
      async () => {
        const [unready, now] = await Promise.all([notReconciled(kube), outdated(kube)])
        return { unready, ...now }
      },
      {
        until: ({ unready, missing }) => unready === '' && missing === '',
        milliseconds: settles,
        every: 5000,
        waiting: ({ unready, missing }) => `the monitoring: ${unready === '' ? missing : unready}`,
      },
    ),
  )

/** A check of the monitoring: asked only where it is on, once it has settled. */
export const whereOn = (
  check: Omit<Check<K3sSettings>, 'ask' | 'when'> & {
    ask: (tools: Tools, now: Settled) => Promise<Answer>
  },
): Check<K3sSettings> => ({
  ...check,
  when: ({ MONITORING }) => MONITORING,
  ask: async (tools) => check.ask(tools, await settled(tools)),
})
