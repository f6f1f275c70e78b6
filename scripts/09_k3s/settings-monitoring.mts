import { password } from '../../lib/settings/generators.mts'
import { certificateOf } from '../../lib/settings/platform.mts'
import type { Setting, SettingsView } from '../../lib/settings/settings.mts'
import { isBetween, isDnsName } from '../../lib/settings/validators.mts'
import { receiversProblem } from './settings-receivers.mts'

// Whether the cluster is monitored, and how much of its history is kept.

const isOn = (view: SettingsView): boolean => view.text('MONITORING') === 'true'

const isPublic = (view: SettingsView): boolean => isOn(view) && Boolean(view.text('GRAFANA_HOST'))

const [certificate, key] = certificateOf('GRAFANA_', 'GRAFANA_HOST')

export const monitoring = [
  {
    key: 'MONITORING',
    title: 'Monitoring',
    help: 'true installs Prometheus, Alertmanager and Grafana (kube-prometheus-stack): about 1 GiB of memory and the disk below. helm must be on this machine, and the chart in artifacts/',
    kind: 'flag',
    default: 'false',
  },
  {
    key: 'GRAFANA_HOST',
    title: 'Public host name of Grafana',
    help: 'Empty: Grafana is reached inside the cluster alone, by kubectl port-forward',
    kind: 'text',
    optional: true,
    when: isOn,
    validate: isDnsName,
  },
  { ...certificate, when: (view: SettingsView) => isPublic(view) && certificate.when(view) },
  { ...key, when: (view: SettingsView) => isPublic(view) && key.when(view) },
  {
    key: 'GRAFANA_PASSWORD',
    title: 'Password of Grafana’s account admin',
    help: 'Grafana keeps the one of its first start: a later one is set in Grafana itself too',
    kind: 'sensitive',
    generate: () => password(),
    when: isOn,
  },
  {
    key: 'MONITORING_DAYS',
    title: 'Days of history',
    kind: 'number',
    default: '15',
    when: isOn,
    validate: isBetween(1, 400),
  },
  {
    key: 'MONITORING_GIB',
    title: 'GiB of history',
    help: 'The volume of Prometheus, of which it fills four fifths, oldest samples first out; it cannot become smaller later',
    kind: 'number',
    default: '10',
    when: isOn,
    validate: isBetween(2, 10_000),
  },
  {
    key: 'RECEIVERS_YML',
    title: 'Who gets alerts',
    help: 'A YAML file beside this one, with mail, slack and webhook, each with its address and password; without it alerts are shown and sent to nobody',
    kind: 'file',
    optional: true,
    when: isOn,
    validate: (text: string) => receiversProblem(text),
  },
] as const satisfies readonly Setting[]
