import { appendFileSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { KitError } from './errors.mts'
import { diskError, logsFolder, shownPath } from './files.mts'
import { redact } from './sensitive.mts'
import { visible } from './visible.mts'
import { chalk } from './command.mts'
import { emit, isShown } from './turns.mts'

// All messages for operators go through this file: to stderr, and without colour to the log file, both redacted.

let logFile: string | undefined
let waitingLine = false

/** True when one line may be rewritten in place: stderr is a terminal that can, and CI is not set. */
const moving = (): boolean => process.stderr.isTTY && !process.env['CI'] && process.env['TERM'] !== 'dumb'

/** Opens the log file of a run, mode 0600. @param folder `12_n8n` @throws KitError exit 12 when it cannot be written */
export function openLog(env: string, folder: string, now = new Date()): void {
  const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
  const path = join(logsFolder(env), `${stamp}-${folder}.log`)
  try {
    mkdirSync(logsFolder(env), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (cause) {
    throw diskError(path, cause)
  }
  logFile = path
}

/** The path of the log file as shown to operators; undefined before `openLog`, and after it could not be written. */
export const logPath = (): string | undefined => logFile && shownPath(logFile)

/** Closes the log file, if one is open: the next module of this process has its own. */
export function closeLog(): void {
  logFile = undefined
  failure = undefined
}

let failure: KitError | undefined

/** Why the log file of this run is incomplete, or undefined: the run continues without it and ends with exit 12. */
export const logFailure = (): KitError | undefined => failure

/** Writes to the log file alone: stack traces, commands, complete responses. Never throws: see logFailure. */
export function record(text: string): void {
  if (logFile === undefined) return
  try {
    appendFileSync(logFile, `${new Date().toISOString()} ${visible(redact(text))}\n`)
  } catch (cause) {
    failure = diskError(logFile, cause)
    logFile = undefined
  }
}

/** Writes one line for the operator, and to the log. Control characters in it are made visible. */
export const say = (text: string): void => write('', text)

/** @param mark made by the kit, in colour; `text` may come from outside @param end made by the kit, after the text */
function write(mark: string, text: string, end = ''): void {
  clearWaiting()
  const shown = visible(redact(text))
  emit('stderr', `${mark}${shown}${end}\n`)
  record(withoutColour(`${mark}${shown}${end}`))
}

const timeColumn = 80

/** Writes `mark text   0.3 s`. @param started performance.now() when it began; undefined for no time */
function writeTimed(mark: string, text: string, started: number | undefined): void {
  if (started === undefined) return write(mark, text)
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`
  const used = withoutColour(mark).length + visible(redact(text)).length + seconds.length
  write(mark, text, `${' '.repeat(Math.max(2, timeColumn - used))}${chalk.dim(seconds)}`)
}

export const log = {
  /** A step or module begins. */
  title: (text: string): void => write(`${chalk.cyan('▸')} `, text),
  /** Something is done. @param started performance.now() when it began */
  ok: (text: string, started?: number): void => writeTimed(`  ${chalk.green('✓')} `, text, started),
  /** A whole module is done. */
  done: (text: string, started?: number): void => writeTimed(`${chalk.green('✓')} `, text, started),
  /** It works, but the operator should know. The caller keeps it in the report. @param fix what to type or do next */
  warn: (text: string, fix?: string): void => {
    write(`  ${chalk.yellow('!')} `, text)
    if (fix !== undefined) say(`      fix: ${fix}`)
  },
  /** Something failed; `lines` say where, what it means, what to type next. */
  fail: (text: string, lines: readonly string[] = [], indent = ''): void => {
    write(`${indent}${chalk.red('✗')} `, text)
    for (const line of lines) say(`${indent}    ${line}`)
  },
  /** What the run waits for now: one line that is rewritten on a terminal, a new line elsewhere. */
  waiting(text: string): void {
    if (!isShown()) return
    const line = visible(redact(`  … ${text}`))
    if (!moving()) return say(line)
    clearWaiting()
    process.stderr.write(line.slice(0, (process.stderr.columns || 80) - 1))
    waitingLine = true
    record(line)
  },
}

function clearWaiting(): void {
  if (!waitingLine) return
  process.stderr.write('\r\u001B[2K')
  waitingLine = false
}

const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const withoutColour = (text: string): string => text.replace(colours, '')

/** Writes data to stdout, redacted, control characters made visible. See surviveClosedOutput for a closed reader. */
export const print = (text: string): void => emit('stdout', `${visible(redact(text))}\n`)

/**
 * Ignores write errors of a closed stdout, stderr or terminal (EPIPE, EIO) from now on, as after `| head`: the run and
 * its log file continue.
 */
export function surviveClosedOutput(): void {
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
}

/** How the code of a backend reports to the operator. */
export interface Reporter {
  /** It works, but the operator should know. Kept in the report. */
  readonly warn: (text: string, fix?: string) => void
  /** It is as it should be. */
  readonly ok: (text: string) => void
}
