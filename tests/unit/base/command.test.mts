import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run, stream } from '../../../lib/base/command.mts'

test('a program the kit starts gets English, no kubectl preferences and no value of the kit’s own', async () => {
  const before = { ...process.env }
  Object.assign(process.env, {
    LANG: 'fr_FR.UTF-8',
    LC_MESSAGES: 'fr_FR.UTF-8',
    LANGUAGE: 'fr',
    KEYBUZZ_POSTGRES_PASSWORD: 'planted-3Aa',
    HTTPS_PROXY: 'http://proxy.example.com:3128',
  })
  try {
    const { stdout } = await run(['env'])
    const streamed = await new Promise<string>((resolve) => {
      let text = ''
      stream(
        ['env'],
        (piece) => void (text += piece),
        () => resolve(text),
      )
    })
    for (const seen of [stdout, streamed]) {
      const variables = Object.fromEntries(
        seen.split('\n').map((line) => line.split('=') as [string, string]),
      )
      assert.equal(variables['LC_ALL'], 'C')
      assert.equal(variables['KUBERC'], 'off')
      assert.equal(variables['HTTPS_PROXY'], 'http://proxy.example.com:3128')
      for (const name of ['LANG', 'LC_MESSAGES', 'LANGUAGE', 'KEYBUZZ_POSTGRES_PASSWORD'])
        assert.ok(!(name in variables), name)
    }
  } finally {
    process.env = before
  }
})
