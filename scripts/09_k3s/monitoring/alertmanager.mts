import { stringify } from 'yaml'
import { sensitive, type Sensitive } from '../../../lib/base/sensitive.mts'
import { sha256 } from '../../../lib/kube/manifests/objects.mts'
import { readReceivers, type Receivers } from '../settings-receivers.mts'
import { secrets } from './names.mts'

// The configuration of Alertmanager: who gets which alerts. Pure. Passwords and addresses with tokens are files of a
// Secret, in neither the configuration nor the copy of it that the operator makes.

/** The folder of the receivers' Secret in the pod of Alertmanager. */
const folder = `/etc/alertmanager/secrets/${secrets.receivers}`

/** The files of the receivers' Secret, by key. */
export function receiverFiles(
  receivers: Receivers | undefined,
): Readonly<Record<string, Sensitive | undefined>> {
  const hide = (value: string | undefined) => (value === undefined ? undefined : sensitive(value))
  return {
    'mail-password': hide(receivers?.mail?.password),
    'slack-url': hide(receivers?.slack?.url),
    'webhook-url': hide(receivers?.webhook?.url),
    'watchdog-url': hide(receivers?.watchdog?.url),
  }
}

/** The receivers of RECEIVERS_YML; undefined without it. @throws KitError exit 2, see readReceivers */
export const receiversOf = ({ RECEIVERS_YML }: { RECEIVERS_YML?: Sensitive | undefined }) =>
  RECEIVERS_YML === undefined ? undefined : readReceivers(RECEIVERS_YML.reveal())

/** Alerts that inform only inhibit others, or prove that alerts arrive at all. */
const noise = ['alertname="InfoInhibitor"']
const watchdog = ['alertname="Watchdog"']

const operators = ({ mail, slack, webhook }: Receivers) => ({
  ...(mail === undefined ? {} : { email_configs: mail.to.map((to) => ({ to, send_resolved: true })) }),
  ...(slack === undefined
    ? {}
    : {
        slack_configs: [
          {
            api_url_file: `${folder}/slack-url`,
            send_resolved: true,
            ...(slack.channel === undefined ? {} : { channel: slack.channel }),
          },
        ],
      }),
  ...(webhook === undefined
    ? {}
    : { webhook_configs: [{ url_file: `${folder}/webhook-url`, send_resolved: true }] }),
})

/**
 * The configuration of Alertmanager. The name of its first receiver ends in a checksum of everything else, so that the
 * receivers a running Alertmanager names tell which configuration it has.
 */
export function alertmanagerConfig(receivers: Receivers | undefined): {
  readonly text: string
  /** `operators-1a2b3c4d`, or `nobody-...` without receivers. */
  readonly receiver: string
} {
  const mail = receivers?.mail
  const body = {
    global: {
      resolve_timeout: '5m',
      ...(mail === undefined
        ? {}
        : {
            smtp_smarthost: mail.server,
            smtp_from: mail.from,
            smtp_require_tls: true,
            ...(mail.user === undefined
              ? {}
              : {
                  smtp_auth_username: mail.user,
                  smtp_auth_password_file: `${folder}/mail-password`,
                }),
          }),
    },
    inhibit_rules: [
      inhibit(['severity="critical"'], ['severity=~"warning|info"'], ['namespace', 'alertname']),
      inhibit(['severity="warning"'], ['severity="info"'], ['namespace', 'alertname']),
      inhibit(noise, ['severity="info"'], ['namespace']),
    ],
    routes: [
      { receiver: 'nobody', matchers: noise },
      receivers?.watchdog === undefined
        ? { receiver: 'nobody', matchers: watchdog }
        : {
            receiver: 'watchdog',
            matchers: watchdog,
            group_wait: '0s',
            group_interval: '1m',
            repeat_interval: '1m',
          },
    ],
    receivers: [
      { name: 'nobody' },
      ...(receivers?.watchdog === undefined
        ? []
        : [
            {
              name: 'watchdog',
              webhook_configs: [{ url_file: `${folder}/watchdog-url`, send_resolved: false }],
            },
          ]),
    ],
  }
  const first = receivers === undefined ? {} : operators(receivers)
  const receiver = `${receivers === undefined ? 'nobody' : 'operators'}-${sha256([body, first]).slice(0, 8)}`
  const config = {
    global: body.global,
    route: {
      receiver,
      group_by: ['namespace', 'alertname'],
      group_wait: '30s',
      group_interval: '5m',
      repeat_interval: '12h',
      routes: body.routes,
    },
    inhibit_rules: body.inhibit_rules,
    receivers: [{ name: receiver, ...first }, ...body.receivers],
  }
  return { text: stringify(config), receiver }
}

const inhibit = (source: readonly string[], target: readonly string[], equal: readonly string[]) => ({
  source_matchers: source,
  target_matchers: target,
  equal,
})
