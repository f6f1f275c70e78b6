import { isInterruption, unlessInterrupted, wordsOf } from '../../lib/base/errors.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { failed, passed, type CheckTools } from '../../lib/checks/checks.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { servicesOf } from './manifests-services.mts'
import { names, proxyPort } from './names.mts'
import { dataOf, type LlmCheck } from './session.mts'
import type { LlmSettings } from './settings.mts'

/** LiteLLM's pods, for the standard checks of every application. */
export const application: CheckedApplication<LlmSettings> = {
  name: 'litellm',
  namespace: names.namespace,
  parts: ['proxy'],
  problemsOf: readinessProblems,
  readiness:
    'readiness fails while PostgreSQL is away; "Not connected" is a pod that started without it: delete it',
}

/** Reads from one pod whether LiteLLM has its database: status 200 alone does not prove it. @returns its problems */
async function readinessProblems(
  { kube }: CheckTools<LlmSettings>,
  { metadata }: LiveObject,
): Promise<string[]> {
  // The pods of its Jobs have the same name label, and no port.
  if (metadata.labels?.['app.kubernetes.io/component'] !== 'proxy') return []
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${proxyPort}/proxy/health/readiness`
  try {
    const answer = await kube.raw(path)
    const { db } = dataOf<{ db?: unknown }>({ status: 200, text: answer }, '/health/readiness')
    if (db === 'connected') return []
    return [
      db === 'Not connected'
        ? `${metadata.name} started while PostgreSQL was away and never tries again: its start-up probe starts it anew, or delete it`
        : `${metadata.name} says db ${shortened(JSON.stringify(db) ?? 'nothing', 60)}`,
    ]
  } catch (thrown) {
    if (isInterruption(thrown)) throw thrown
    return [`${metadata.name}: ${shortened(wordsOf(thrown), 160)}`]
  }
}

export const services: LlmCheck = {
  id: 'litellm.services',
  title: 'Every AI service answers on its health path',
  fix: 'kubectl -n NAMESPACE logs deployment/NAME; port and health in 15_llm.services.yml must be those of its image',
  places: () => ({ NAME: 'litellm' }),
  async ask({ kube, settings }) {
    const wanted = servicesOf(settings)
    if (wanted.length === 0) return passed('none is set')
    const namespace = names.namespace(settings.ENV)
    const answers = await Promise.all(
      wanted.map(({ name, port, health }) =>
        kube.raw(`/api/v1/namespaces/${namespace}/services/${name}:${port}/proxy${health}`).then(
          () => [],
          unlessInterrupted((thrown) => [{ name, why: shortened(wordsOf(thrown), 120) }]),
        ),
      ),
    )
    const problems = answers.flat()
    const [first] = problems
    return first === undefined
      ? passed(wanted.map(({ name }) => name).join(', '))
      : failed(problems.map(({ name, why }) => `${name}: ${why}`).join('; '), { NAME: first.name })
  },
}
