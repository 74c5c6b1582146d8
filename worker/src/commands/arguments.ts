/** Reads the arguments of commands: what comes over the wire is anybody's. */
import { ConfigError, shown } from '@lovage/core'

export type Args = Readonly<Record<string, unknown>>

/** One text or a list of texts, as a list. @throws {ConfigError} OPTION_INVALID */
export function textList(args: Args, name: string): readonly string[] {
  const value = args[name]
  const list = typeof value === 'string' ? [value] : value
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list
  throw invalid(name, 'a text or a list of texts', value)
}

/** @throws {ConfigError} OPTION_INVALID */
export function text(args: Args, name: string): string {
  const value = args[name]
  if (typeof value === 'string' && value !== '') return value
  throw invalid(name, 'a text', value)
}

/** A whole number from 1; texts from a command line count. @throws {ConfigError} OPTION_INVALID */
export function count(args: Args, name: string, fallback: number): number {
  const value = args[name] ?? fallback
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (Number.isInteger(number) && Number(number) > 0) return Number(number)
  throw invalid(name, 'a positive whole number', value)
}

/** A number of seconds above 0 as milliseconds, or undefined for none. @throws {ConfigError} OPTION_INVALID */
export function secondsAsMs(args: Args, name: string): number | undefined {
  const value = args[name]
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number) && number > 0) return number * 1000
  throw invalid(name, 'a number of seconds above 0, or null', value)
}

export function flag(args: Args, name: string): boolean {
  return args[name] === true || args[name] === 'true'
}

/** The name of a signal, in Celery's forms: `SIGTERM`, `TERM`, a number. Default `SIGTERM`. */
export function signalName(args: Args): string {
  const value = args.signal
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value === '') return 'SIGTERM'
  return value.startsWith('SIG') ? value : `SIG${value}`
}

function invalid(name: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${name}\` to be ${expected}, got: ${shown(value)}`)
}
