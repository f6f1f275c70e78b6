#!/opt/node/bin/node
// What an exec probe finds as `bundle` in the image: the same server, with the words it was called with.
process.argv.splice(2, 0, 'bundle')
import('/opt/contract/main.mjs')
