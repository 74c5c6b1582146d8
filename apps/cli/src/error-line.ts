/** Turns whatever was thrown into the one line that a person reads. */
import { inspect } from 'node:util'
import { LovageError } from '@lovage/core'

/** One line without the code in front; other people's errors keep their name where it says something. */
export function errorLine(thrown: unknown): string {
  return `lovage: ${oneLine(messageOf(thrown))}`
}

/** The error with its stack and causes, for `--loglevel debug`. */
export function errorStack(thrown: unknown): string {
  return inspect(thrown, { depth: 5 })
}

function messageOf(thrown: unknown): string {
  if (LovageError.is(thrown)) return thrown.rawMessage
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.name === 'Error' || thrown.name === '' ? thrown.message : `${thrown.name}: ${thrown.message}`
}

/** Joins lines, because a tool that shows one line shows the first. */
export function oneLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ')
}
