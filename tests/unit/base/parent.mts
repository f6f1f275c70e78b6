import { run, stream } from '../../../lib/base/command.mts'

// A run of the kit with one program under way, for a test that kills it. Arguments: run or stream, and the program.

const [how, ...words] = process.argv.slice(2)
if (how === 'run') await run(words, { input: 'an object', timeoutSeconds: 120 })
else {
  stream(
    words,
    () => {},
    () => {},
  )
  setInterval(() => {}, 1000)
}
