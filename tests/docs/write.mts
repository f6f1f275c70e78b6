import { writeTables } from './tables.mts'

writeTables()
