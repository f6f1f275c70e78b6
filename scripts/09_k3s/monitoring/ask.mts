import {
  fields,
  listOf,
  mapOf,
  anyText,
  optional,
  readShape,
  text,
  type Shape,
} from '../../../lib/base/shape.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { alertmanagerName, monitoringNamespace, prometheusName } from './names.mts'

// What Prometheus and Alertmanager say of themselves, by the API server: no port of theirs is open to this machine.

/** Asks the API server for what a Service answers. */
export type Ask = Pick<KubeReader, 'raw'>

const pathOf = (service: string, path: string): string =>
  `/api/v1/namespaces/${monitoringNamespace}/services/${service}:http-web/proxy${path}`

async function ask<T>({ raw }: Ask, service: string, path: string, shape: Shape<T>): Promise<T> {
  const answer = await raw(pathOf(service, path), { timeoutSeconds: 30 })
  return answerOf(service, path, answer, shape)
}

/**
 * Reads an answer.
 * @throws KitError exit 9 when it is not JSON of that shape
 */
export function answerOf<T>(service: string, path: string, answer: string, shape: Shape<T>): T {
  const hint = `kubectl --namespace ${monitoringNamespace} logs pods of ${service}`
  let json: unknown
  try {
    json = JSON.parse(answer)
  } catch (cause) {
    throw new KitError(`${service} gives no JSON at ${path.replace(/\?.*/, '')}`, {
      exitCode: exitCodes.rolloutFailed,
      hint,
      cause,
    })
  }
  return readShape(`${service} at ${path.replace(/\?.*/, '')}`, shape, json, {
    hint,
    exitCode: exitCodes.rolloutFailed,
  })
}

const data = <T,>(shape: Shape<T>) => fields({ data: shape })

/** A group of rules that Prometheus has loaded. */
export interface LoadedGroup {
  readonly name: string
  /** Path of the file it comes from, in the pod. */
  readonly file: string
  readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]
}

export const rulesShape = data(
  fields({
    groups: listOf(
      fields({
        name: text,
        file: text,
        rules: listOf(fields({ name: text, health: text, lastError: optional(anyText) })),
      }),
    ),
  }),
)

/** Every rule Prometheus has loaded. @throws KitError exit 3, 5 to 9, 130 or 143, see KubeReader.raw */
export const loadedRules = async (kube: Ask): Promise<readonly LoadedGroup[]> =>
  (await ask(kube, prometheusName, '/api/v1/rules', rulesShape)).data.groups

/** Something Prometheus scrapes. */
export interface Target {
  /** `serviceMonitor/monitoring/node-exporter/0` */
  readonly scrapePool: string
  readonly scrapeUrl: string
  /** `up`, `down`, or `unknown` before the first scrape. */
  readonly health: string
  readonly lastError?: string
}

export const targetsShape = data(
  fields({
    activeTargets: listOf(
      fields({ scrapePool: text, scrapeUrl: text, health: text, lastError: optional(anyText) }),
    ),
  }),
)

/** What Prometheus scrapes. @throws as loadedRules */
export const activeTargets = async (kube: Ask): Promise<readonly Target[]> =>
  (await ask(kube, prometheusName, '/api/v1/targets?state=active', targetsShape)).data.activeTargets

export const poolsShape = data(fields({ scrapePools: listOf(text) }))

/** The scrape pools of its configuration. @throws as loadedRules */
export const scrapePools = async (kube: Ask): Promise<readonly string[]> =>
  (await ask(kube, prometheusName, '/api/v1/scrape_pools', poolsShape)).data.scrapePools

const flag: Shape<boolean> = (value) => value === true

export const runtimeShape = data(
  fields({ lastConfigTime: text, reloadConfigSuccess: flag, storageRetention: text }),
)

/** When it read its configuration, whether that was good, and how much history it keeps. @throws as loadedRules */
export const runtimeInfo = async (kube: Ask) =>
  (await ask(kube, prometheusName, '/api/v1/status/runtimeinfo', runtimeShape)).data

export const alertsShape = data(fields({ alerts: listOf(fields({ labels: mapOf(anyText), state: text })) }))

/** The alerts of Prometheus, pending or firing. @throws as loadedRules */
export const prometheusAlerts = async (kube: Ask) =>
  (await ask(kube, prometheusName, '/api/v1/alerts', alertsShape)).data.alerts

export const valuesShape = data(
  fields({ result: listOf(fields({ metric: mapOf(anyText), value: listOf((value) => String(value)) })) }),
)

/** The numbers of a PromQL expression. @throws as loadedRules */
export async function numbersOf(kube: Ask, expression: string): Promise<readonly number[]> {
  const path = `/api/v1/query?query=${encodeURIComponent(expression)}`
  const { data: found } = await ask(kube, prometheusName, path, valuesShape)
  return found.result.map(({ value: [, number = ''] }) => Number(number))
}

export const receiversShape = listOf(fields({ name: text }))

/** Names of the receivers of the running Alertmanager. @throws as loadedRules */
export const runningReceivers = async (kube: Ask): Promise<readonly string[]> =>
  (await ask(kube, alertmanagerName, '/api/v2/receivers', receiversShape)).map(({ name }) => name)

export const sentAlertsShape = listOf(
  fields({ labels: mapOf(anyText), status: fields({ state: text }), receivers: receiversShape }),
)

/** The alerts that arrived at Alertmanager. @throws as loadedRules */
export const alertmanagerAlerts = (kube: Ask) =>
  ask(kube, alertmanagerName, '/api/v2/alerts?active=true', sentAlertsShape)
