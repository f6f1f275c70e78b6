import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { Writable } from 'node:stream'

/**
 * Runs another program of the kit on this terminal and waits for its end. Signals are forwarded to it: it cleans up and
 * ends by itself, and does not continue without the master.
 * @param {string} program
 * @param {readonly string[]} words
 * @param {string} [handed] text that it can read once, from file descriptor 3
 * @returns {Promise<number>} its exit code; 128 plus the signal's number when a signal ended it
 * @throws {Error} Node's error when it cannot be started
 */
export function runChild(program, words, handed) {
  const child = spawn(program, [...words], {
    stdio: [
      'inherit',
      'inherit',
      'inherit',
      ...(handed === undefined ? [] : [/** @type {const} */ ('pipe')]),
    ],
  })
  const given = child.stdio[3]
  if (given instanceof Writable) {
    // EPIPE: a program that ends before it has read the text has printed its own error.
    given.on('error', () => {})
    given.end(handed)
  }
  /** @param {NodeJS.Signals} signal */
  const passOn = (signal) => {
    // On a terminal Ctrl-C reaches the whole process group; a second SIGINT would end the child at once.
    if (signal === 'SIGINT' && (process.stdin.isTTY || process.stderr.isTTY)) return
    child.kill(signal)
  }
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
  for (const signal of signals) process.on(signal, passOn)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      for (const one of signals) process.off(one, passOn)
      resolve(code ?? 128 + (signal === null ? 1 : constants.signals[signal]))
    })
  })
}
