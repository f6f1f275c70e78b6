import { startMaster } from '../lib/cli/master.mts'

// The master as a program of its own: the door for bin/ts. What it does is in lib/cli/master.mts.
startMaster()
