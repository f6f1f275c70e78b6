import type { K3sSettings } from '../settings.mts'
import { grafanaName, grafanaUser, kubeletService, monitoringNamespace } from './names.mts'

// What the monitoring is, in words: for the information screen and for reports. Pure.

/** Its lines of the information screen. */
export function monitoringLines({
  MONITORING,
  GRAFANA_HOST,
}: K3sSettings): (readonly [label: string, text: string])[] {
  if (!MONITORING) return []
  return [
    GRAFANA_HOST === undefined
      ? [
          'Grafana',
          `kubectl --namespace ${monitoringNamespace} port-forward service/${grafanaName} 3000:80, then http://localhost:3000`,
        ]
      : ['Grafana', `https://${GRAFANA_HOST}`],
    ['Account', `${grafanaUser} of Grafana, GRAFANA_PASSWORD of 09_k3s.env`],
  ]
}

/** What no check proves of it. */
export const monitoringNotProven = (settings: K3sSettings): string[] =>
  settings.MONITORING
    ? [
        ...(settings.RECEIVERS_YML === undefined
          ? ['That anybody learns of an alert: there is no 09_k3s.receivers.yml, so none is sent.']
          : ['That an alert reaches its receivers: none was sent to them.']),
        'Alerts about certificates tell of those of K3s alone, not of those of public names.',
        'Prometheus, Alertmanager and Grafana run as one pod each, with their history on the disk of one node: while that node is lost there are no alerts, and with its disk the history is lost.',
        'Anybody who runs pods in this cluster reads all metrics, and silences alerts: Prometheus and Alertmanager ask for no password inside it.',
        'Prometheus’ operator may read and write every Secret of the cluster. Whoever breaks into it does.',
      ]
    : ['The kit installs nothing that watches this cluster: monitoring is off (MONITORING=false).']

/** What stays in the cluster when monitoring is taken out of it, one line each. */
export const monitoringRests: readonly string[] = [
  `history and dashboards, in the volumes of namespace ${monitoringNamespace}: kubectl --namespace ${monitoringNamespace} get pvc`,
  'the kinds of monitoring.coreos.com: kubectl get crd',
  `Service ${kubeletService.namespace}/${kubeletService.name}, which the operator made: kubectl --namespace ${kubeletService.namespace} delete service ${kubeletService.name}`,
]
