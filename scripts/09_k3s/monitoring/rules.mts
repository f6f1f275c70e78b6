import type { Manifest } from '../../../lib/kube/types.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { validationLease, watchesValidations } from '../../../lib/state/validation-time.mts'
import { monitoringNamespace, ownRulesName } from './names.mts'

// The alerts of the kit's own: what runs out quietly. Pure.

const days = (count: number): number => count * 86_400

interface Alert {
  readonly name: string
  /** PromQL */
  readonly expr: string
  /** How long it must hold. */
  readonly lasts: string
  readonly severity: 'warning' | 'critical'
  readonly summary: string
  readonly description: string
}

const alerts: readonly Alert[] = [
  {
    name: 'KeyBuzzCertificateEndsSoon',
    // K3s counts the seconds left; servers by their API server's metrics, workers by those of their kubelet.
    expr: `min by (node, instance, subject) (k3s_certificate_expiration_seconds) < ${days(21)}`,
    lasts: '1h',
    severity: 'critical',
    summary: 'A certificate of K3s ends within 21 days',
    description:
      '{{ $labels.subject }} on {{ $labels.instance }} ends in {{ $value | humanizeDuration }}. K3s renews it when it starts: systemctl restart k3s there (k3s-agent on a worker), one node after another.',
  },
  {
    name: 'KeyBuzzValidationOld',
    expr: `time() - max by (lease) (kube_lease_renew_time{namespace="${systemNamespace}",lease=~"${validationLease('.*')}"}) > ${days(7)}`,
    lasts: '1h',
    severity: 'warning',
    summary: 'A module was last validated more than a week ago',
    description:
      '{{ $labels.lease }} passed {{ $value | humanizeDuration }} ago: run the checks of that module (--verify).',
  },
  {
    name: 'KeyBuzzSnapshotMissing',
    // A server that runs for less than a day may have counted none; a restart begins at 0.
    expr: [
      `(time() - process_start_time_seconds{job="apiserver"} > ${days(1)})`,
      'unless on (instance)',
      '(increase(k3s_etcd_snapshot_save_duration_seconds_count{job="apiserver",status="success"}[1d]) > 0)',
    ].join(' '),
    lasts: '1h',
    severity: 'critical',
    summary: 'A server has saved no snapshot of etcd for a day',
    description:
      '{{ $labels.instance }}: journalctl -u k3s tells why; df -h /var/lib/rancher/k3s/server/db/snapshots; then k3s etcd-snapshot save there.',
  },
  {
    name: 'KeyBuzzSnapshotFailed',
    expr: 'increase(k3s_etcd_snapshot_save_duration_seconds_count{job="apiserver",status="error"}[1d]) > 0',
    lasts: '5m',
    severity: 'warning',
    summary: 'A snapshot of etcd failed within a day',
    description:
      '{{ $labels.instance }}: journalctl -u k3s tells why. The command k3s etcd-snapshot save ends with 0 all the same: look at the file.',
  },
]

/** The PrometheusRule of the kit's own. */
export const ownRules = (): Manifest =>
  ({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      namespace: monitoringNamespace,
      name: ownRulesName,
      annotations: { [watchesValidations]: 'true' },
    },
    spec: {
      groups: [
        {
          name: 'keybuzz',
          rules: alerts.map(({ name, expr, lasts, severity, summary, description }) => ({
            alert: name,
            expr,
            for: lasts,
            labels: { severity },
            annotations: { summary, description },
          })),
        },
      ],
    },
  }) as Manifest
