// The container beside Grafana that fetches dashboards: this one fetches none, and says what it would.
import { endOnTerm } from './server.mjs'

function run({ env }) {
  const open = setInterval(() => {}, 60_000)
  endOnTerm({ seconds: 5, stop: () => clearInterval(open), isBusy: () => false })
  console.log(`would fetch ${env.RESOURCE} of ${env.NAMESPACE} as ${env.REQ_USERNAME}`)
}

export const app = {
  title: 'the sidecar of Grafana',
  required: {
    exact: { RESOURCE: 'configmap' },
    names: ['LABEL', 'FOLDER', 'NAMESPACE', 'REQ_USERNAME', 'REQ_PASSWORD'],
  },
  backends: () => ({}),
  says: {},
  commands: [[/^$/, run]],
}
