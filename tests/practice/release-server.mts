import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startRelease } from '../unit/base/release-server.mts'

// A release on loopback in place of GitHub's: serves the files of a folder, prints its address and goes on until it is
// killed. Argument: the folder.

const [folder = ''] = process.argv.slice(2)
const server = await startRelease()
for (const name of readdirSync(folder)) server.files.set(name, readFileSync(join(folder, name)))
console.log(server.base.href)
