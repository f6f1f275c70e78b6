import { log } from '../../../lib/base/log.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'
import { dialUntil, type Answer } from '../reach/dial.mts'
import { thisMachine } from '../reach/reach.mts'
import type { Fit } from './run.mts'

const dialApi = (address: string): Promise<Answer> => dialUntil(address, 6443, 3000)

/**
 * Warns of each name in API_ADDRESSES at which the API does not answer this machine, once it answers at the masters:
 * the fault is then the load balancer's. Only a warning: the kubeconfig uses another address.
 * @param dial connects to port 6443 of an address or name
 * @throws Cancelled (130) or KitError exit 143 on a signal, see dialUntil
 */
export async function tellBalancers(
  fit: readonly Fit[],
  { API_ADDRESSES }: Pick<K3sSettings, 'API_ADDRESSES'>,
  dial = dialApi,
): Promise<void> {
  const serving = fit.filter(
    ({ facts: { role, said } }) => role === 'master' && said.has('port', 'tcp', '6443'),
  )
  const reached = serving.filter(({ facts }) => facts.blocked.every(({ from }) => from !== thisMachine))
  if (reached.length === 0) return
  const answers = await Promise.all(
    itemsOf(API_ADDRESSES).map(async (name) => ({ name, answer: await dial(name) })),
  )
  for (const { name, answer } of answers.filter((one) => one.answer !== 'open')) {
    log.warn(
      `the API answers at ${reached.map(({ host }) => host.address).join(', ')}, and not at ${name}:6443 (${answer}): the nodes are right, the load balancer is not`,
      `its target must be port 6443 of the masters, its check TCP; or take ${name} out of API_ADDRESSES`,
    )
  }
}
