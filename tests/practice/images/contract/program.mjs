#!/opt/node/bin/node
// What exec probes and shells find as `bundle`, `python` or `superset`: the same server, with the words it was called with.
process.argv.splice(2, 0, process.argv[1].split('/').at(-1))
import('/opt/contract/main.mjs')
