import { failed, passed } from '../../lib/checks/checks.mts'
import type { Announced } from '../../lib/checks/http-announce.mts'
import { bodyMebibytes } from './manifests.mts'
import { healthOf, hostOf, type Part } from './names.mts'
import { askServed, parts, type KeybuzzCheck } from './session.mts'

/** Bytes of a body that is one byte over the limit. */
const tooMany = bodyMebibytes * 1024 * 1024 + 1

export const bodyLimit: KeybuzzCheck = {
  id: 'keybuzz.body-limit',
  title: `A request over ${bodyMebibytes} MiB is refused before API or front have read it`,
  fix: 'nothing limits the size of requests: install module 9, then this one again; an ingress controller of your own, or the load balancer, must answer 413 to larger ones itself',
  async ask(tools) {
    const said: string[] = []
    const wrong: string[] = []
    for (const part of parts) {
      const path = healthOf(tools.settings, part)
      // Waits until the ingress controller serves this name: its own 404 would say nothing about the size.
      await askServed(tools, part, path)
      const found = await tools.http.announce(hostOf(tools.settings, part), path, tooMany)
      said.push(`${part} ${found.answer?.status} after ${kibibytes(found.sent)}`)
      if (found.answer?.status !== 413) wrong.push(reached(part, found))
    }
    return wrong.length === 0
      ? passed(`${tooMany} bytes announced: ${said.join(', ')}`)
      : failed(wrong.join('; '))
  },
}

const kibibytes = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`

const reached = (part: Part, { answer, sent }: Announced): string =>
  answer === undefined
    ? `${part} waits for the rest of ${tooMany} bytes after ${kibibytes(sent)}: nothing has refused it`
    : `${part} answered ${answer.status}, not 413, to ${tooMany} bytes: the request was let through`
