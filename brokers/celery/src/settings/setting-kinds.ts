/** The kinds of values that settings have, each with its check and its words. */
import { ConfigError, shown } from '@lovage/core'

/** Checks one value; what it answers is the value that counts. @throws {ConfigError} OPTION_INVALID */
export type SettingKind<Value> = (value: unknown, name: string) => Value

export const flag: SettingKind<boolean> = (value, name) => {
  if (typeof value === 'boolean') return value
  throw unexpected(name, 'true or false', value)
}

export const text: SettingKind<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value
  throw unexpected(name, 'a text', value)
}

/** A number of seconds, as Celery's settings have it, from 0. */
export const seconds: SettingKind<number> = (value, name) => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw unexpected(name, 'a number of seconds from 0', value)
}

export function wholeNumber(least: number, most: number): SettingKind<number> {
  return (value, name) => {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return Number(value)
    throw unexpected(name, `a whole number from ${least} to ${most}`, value)
  }
}

export function oneOf<const Choice extends string | number>(...choices: readonly Choice[]): SettingKind<Choice> {
  return (value, name) => {
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    throw unexpected(name, choices.join(' or '), value)
  }
}

export function orNone<Value>(kind: SettingKind<Value>): SettingKind<Value | undefined> {
  return (value, name) => (value === null || value === undefined ? undefined : kind(value, name))
}

export function listOf<Value>(kind: SettingKind<Value>): SettingKind<readonly Value[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw unexpected(name, 'a list', value)
    return value.map((item, index) => kind(item, `${name}[${index}]`))
  }
}

/** An object whose values are all of one kind. */
export function mapOf<Value>(kind: SettingKind<Value>): SettingKind<Readonly<Record<string, Value>>> {
  return (value, name) => {
    const entries = Object.entries(objectOf(value, name))
    return Object.fromEntries(entries.map(([key, item]) => [key, kind(item, `${name}[${shown(key)}]`)]))
  }
}

/** @throws {ConfigError} OPTION_INVALID */
export function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw unexpected(name, 'an object', value)
}

export function unexpected(name: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${name}\` to be ${expected}, got: ${shown(value)}`, { subject: name })
}
