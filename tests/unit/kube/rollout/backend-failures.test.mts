import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backendFailures } from '../../../../lib/kube/rollout/backend-failures.mts'
import { explainLines } from '../../../../lib/kube/rollout/failure.mts'

const failures = backendFailures({ passwordSetting: 'X_PASSWORD', program: '20_x_01_deploy', database: 'x' })

// As libpq, redis-py, Ruby's OpenSSL and Node write them.
for (const line of [
  'connection to server at "192.0.2.10", port 5432 failed: SSL error: certificate verify failed',
  'connection to server at "db" (192.0.2.10), port 5432 failed: server certificate for "x" does not match host name "db"',
  'Error 1 connecting to r:6380. [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:992).',
  "certificate verify failed: Hostname mismatch, certificate is not valid for 'r'. (_ssl.c:992)",
  'Redis::CannotConnectError: SSL_connect returned=1 errno=0 state=error: certificate verify failed (unable to get issuer)',
  'There was an error initializing DB: self-signed certificate in certificate chain',
  'Error: unable to verify the first certificate',
  "Hostname/IP does not match certificate's altnames: Host: db. is not in the cert's altnames: DNS:x",
])
  test(`"${line}" is about the certificate, not about the way to the server`, () => {
    const { known } = explainLines([line], failures)
    assert.match(
      known?.meaning ?? '',
      /certificate is not signed by the CA that the pods have, or is for another/,
    )
    assert.match(known?.next ?? '', /platform\.postgres\.ca/)
  })

test('a server that is not reached is said to be that', () => {
  const { known } = explainLines(
    ['connection to server at "db", port 5432 failed: Connection refused'],
    failures,
  )
  assert.match(known?.meaning ?? '', /^PostgreSQL could not be reached/)
})
